//! Socket options: which there are, what they take, and what they do.

mod device;
mod groups;
mod keepalive;
mod matrix;
mod multicast;
mod stack;
mod tos;
