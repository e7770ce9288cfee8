//! `hil probe serve`, driven by the published probe-rs library alone, as any other client would.

mod abuse;
mod control;
mod ends;
mod flash;
mod programs;
mod rtt;
mod served;
