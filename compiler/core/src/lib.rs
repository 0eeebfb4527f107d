//! Everything between a model file and an artifact.
