//! What a board may decide about the stack.

/// Times and names of a stack. `Config::default()` suits a desk.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How long an unanswered SYN or SYN-ACK is repeated, in milliseconds.
    pub syn_timeout_ms: u32,
    /// How long queued data may stay without any sign of life from the peer, in milliseconds
    /// (RFC 9293 §3.8.3: at least 100 s for R2).
    pub user_timeout_ms: u32,
    /// How long a closed connection may take in each step of its orderly end before it is reset, in
    /// milliseconds.
    pub linger_ms: u32,
    /// How long a connection that ended here is remembered, in milliseconds. Shorter than RFC 9293
    /// demands: sockets are few.
    pub time_wait_ms: u32,
    /// How long to wait for a DHCP offer before asking again, in milliseconds; twice as long after each
    /// question (RFC 2131 §4.1).
    pub dhcp_retry_ms: u32,
    /// How long an attempt to get an address goes on before it is told to have failed, in milliseconds. It
    /// goes on all the same.
    pub dhcp_timeout_ms: u32,
    /// Host name for the DHCP server, at most 63 characters; empty for none.
    pub hostname: &'static str,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            // SYNs go out after 0, 1 and 3 seconds: the last of them can still be answered.
            syn_timeout_ms: 4_000,
            user_timeout_ms: 100_000,
            linger_ms: 10_000,
            time_wait_ms: 2_000,
            dhcp_retry_ms: 2_000,
            dhcp_timeout_ms: 3_500,
            hostname: "",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
