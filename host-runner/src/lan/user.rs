//! Lan `user`: QEMU's user network.
//!
//! The IUT sees the host as 10.0.2.2, which is the host's 127.0.0.1; fixtures bind there. The host reaches a
//! port of the IUT through a forward that is added when it is first asked for. IPv4 only.
//!
//! QEMU ends every connection itself and makes a second one, so not all arrives as it was sent (QEMU 7.2, by
//! frames made by hand on the board's side):
//!
//! | what | arrives as |
//! |---|---|
//! | host resets, half-closes, closes; refuses a connection of the IUT | itself |
//! | host answers no SYN | itself: QEMU answers the IUT's SYN only once its own connection stands |
//! | IUT half-closes, closes | itself |
//! | IUT resets a connection | an orderly end of the stream |
//! | IUT refuses a connection of the host, or answers none | a connection, and an orderly end of it if refused |
//! | host stops reading | a closed window, but only after some 3 MB |
//! | IUT stops reading or acknowledging | likewise, after some 4 MB |
//!
//! So the lan does not claim honest TCP: what a fixture sees of resets, refusals and silence of the IUT proves
//! nothing. What the fixture does reaches the IUT, and needs no honest TCP.
//!
//! Must not: let the IUT near any address but 10.0.2.2; QEMU would open real connections to it.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use hil_kit::rig::{BoxFuture, HostAddress, LanProperties, SocketFactory};
use nsapi::Protocol;
use tokio::sync::Mutex;

use super::ports::OwnPorts;
use crate::board::qemu::{Monitor, NETDEV, Qmp, QmpError};

/// The host as the IUT sees it.
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 2, 2));

/// Forwards that are kept; beyond it the oldest goes. Each is a socket of QEMU.
const MOST_FORWARDS: usize = 64;

/// QEMU's user network.
#[derive(Debug)]
pub struct UserNet {
    monitor: Arc<Monitor>,
    ports: OwnPorts,
    forwards: Mutex<Forwards>,
}

#[derive(Debug, Default)]
struct Forwards {
    generation: u32,
    kept: VecDeque<Forward>,
}

#[derive(Clone, Copy, Debug)]
struct Forward {
    word: &'static str,
    iut: SocketAddr,
    host: SocketAddr,
}

impl UserNet {
    /// The network of the QEMU behind `monitor`.
    pub(crate) fn new(monitor: Arc<Monitor>) -> Self {
        Self {
            monitor,
            ports: OwnPorts::default(),
            forwards: Mutex::default(),
        }
    }

    async fn forward(&self, protocol: Protocol, iut: SocketAddr) -> io::Result<SocketAddr> {
        let word = match protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        // In this order everywhere: first the list, then the monitor.
        let mut forwards = self.forwards.lock().await;
        let mut current = self.monitor.current().await;
        if forwards.generation != current.generation {
            *forwards = Forwards {
                generation: current.generation,
                kept: VecDeque::new(),
            };
        }
        let qmp = current
            .qmp
            .as_mut()
            .ok_or_else(|| io::Error::other("the emulator is not running"))?;
        if let Some(known) = forwards
            .kept
            .iter()
            .find(|known| known.word == word && known.iut == iut)
        {
            return Ok(known.host);
        }
        if forwards.kept.len() >= MOST_FORWARDS
            && let Some(oldest) = forwards.kept.pop_front()
        {
            let Forward { word, host, .. } = oldest;
            say(
                qmp,
                &format!(
                    "hostfwd_remove {NETDEV} {word}:{}:{}",
                    host.ip(),
                    host.port()
                ),
            )
            .await?;
        }
        let host = add(qmp, word, iut).await?;
        forwards.kept.push_back(Forward { word, iut, host });
        Ok(host)
    }
}

async fn add(qmp: &mut Qmp, word: &str, iut: SocketAddr) -> io::Result<SocketAddr> {
    // Without an address the one that QEMU's DHCP gives out is meant.
    let guest = if iut.ip().is_unspecified() {
        String::new()
    } else {
        iut.ip().to_string()
    };
    let before = host_ports(&say(qmp, "info usernet").await?, word, iut.port());
    let answer = say(
        qmp,
        &format!(
            "hostfwd_add {NETDEV} {word}:127.0.0.1:0-{guest}:{}",
            iut.port()
        ),
    )
    .await?;
    if !answer.trim().is_empty() {
        return Err(io::Error::other(format!(
            "QEMU does not forward to {iut}: {}",
            answer.trim()
        )));
    }
    let after = host_ports(&say(qmp, "info usernet").await?, word, iut.port());
    let port = after.into_iter().find(|port| !before.contains(port));
    let port =
        port.ok_or_else(|| io::Error::other(format!("QEMU does not show its forward to {iut}")))?;
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

async fn say(qmp: &mut Qmp, line: &str) -> io::Result<String> {
    qmp.human(line)
        .await
        .map_err(|error: QmpError| io::Error::other(format!("QEMU: {error}")))
}

/// Host ports of the forwards to a guest port, from lines like
/// `TCP[HOST_FORWARD]  10  127.0.0.1 46703  10.0.2.15  8080  0  0`.
fn host_ports(table: &str, word: &str, guest_port: u16) -> Vec<u16> {
    let state = format!("{}[HOST_FORWARD]", word.to_ascii_uppercase());
    table
        .lines()
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let [first, _, _, host_port, _, port, ..] = columns[..] else {
                return None;
            };
            (first == state && port.parse() == Ok(guest_port)).then(|| host_port.parse().ok())?
        })
        .collect()
}

impl SocketFactory for UserNet {
    fn name(&self) -> &str {
        "user"
    }

    fn properties(&self) -> LanProperties {
        LanProperties {
            second_host_address: false,
            // See the table at the top of this file.
            honest_tcp: false,
            black_hole: true,
            // QEMU makes connections of its own to the host, from ports of the host.
            source_ports: false,
            shared_ports: false,
            ..LanProperties::default()
        }
    }

    fn bind_address(&self, _which: HostAddress) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    }

    fn seen_by_iut(&self, host: SocketAddr) -> SocketAddr {
        SocketAddr::new(HOST, host.port())
    }

    fn reach(&self, protocol: Protocol, iut: SocketAddr) -> BoxFuture<'_, io::Result<SocketAddr>> {
        Box::pin(self.forward(protocol, iut))
    }

    fn free_iut_port(&self, _protocol: Protocol) -> io::Result<u16> {
        Ok(self.ports.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_host_ports_in_qemus_table() {
        let table = "Hub -1 (n0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n  \
                     TCP[HOST_FORWARD]  10       127.0.0.1 46703       10.0.2.15  8080     0     0\r\n  \
                     TCP[ESTABLISHED]  11       127.0.0.1 46705       10.0.2.15  8080     0     0\r\n  \
                     UDP[HOST_FORWARD]  13       127.0.0.1 42361       10.0.2.15  8080     0     0\r\n";
        assert_eq!(host_ports(table, "tcp", 8080), [46703]);
        assert_eq!(host_ports(table, "udp", 8080), [42361]);
        assert!(host_ports(table, "tcp", 80).is_empty());
        assert!(host_ports("garbage", "tcp", 80).is_empty());
    }
}
