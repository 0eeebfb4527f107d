//! Loads an artifact, checks it and runs its programs.
