"""What is tested: requirement registers, test purposes and test cases by standard, profiles."""
