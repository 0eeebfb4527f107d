//! The artifact: schema, reader, writer.
