//! Addresses as text, and binding to them.
