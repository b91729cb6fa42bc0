"""What is put under test here: the reference implementations, faulty ones, emulated makers."""
