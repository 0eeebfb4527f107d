//! The operator table, facts and the reference meaning of every operator.
