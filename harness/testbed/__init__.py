"""The testbed: a network of KMEs that is up, with everything that an SAE needs to call it."""
