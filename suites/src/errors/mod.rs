//! State tables and their codes.
