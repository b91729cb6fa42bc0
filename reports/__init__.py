"""Writers: a run record becomes JSON, JUnit XML, HTML."""
