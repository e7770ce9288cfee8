//! TCP segments that arrive: what smoltcp would misunderstand is put so that it understands it. Often that
//! is a segment which makes smoltcp itself give the answer due, from its own numbers and at its own rate.

use smoltcp::iface::SocketSet;
use smoltcp::socket::Socket;
use smoltcp::socket::tcp::State;
use smoltcp::wire::IpEndpoint;

use super::Verdict;
use super::flows::{Ends, Flow, Flows, Segment, TCP_HEADER, before, field, flag};
use super::frame::put;
use super::packet::{Address, Packet, is_same, mapped};

/// How far behind an acknowledgement may be for its data still to count (RFC 5961 §5: the largest window
/// the peer ever announced; without scaling that is at most this).
const OLD_ACKNOWLEDGEMENT: u32 = 0xffff;

/// What there is at one end.
enum Found {
    Connection(State),
    Listener,
    Nothing,
}

fn is(endpoint: Option<IpEndpoint>, (ip, port): (Address, u16)) -> bool {
    endpoint.is_some_and(|end| end.port == port && is_same(&mapped(end.addr), &ip))
}

fn look_up(sockets: &SocketSet<'_>, ends: &Ends) -> Found {
    let mut found = Found::Nothing;
    for (_, socket) in sockets.iter() {
        let Socket::Tcp(socket) = socket else {
            continue;
        };
        if socket.state() == State::Listen {
            let listens = socket.listen_endpoint();
            let here = listens.addr.is_none_or(|ip| mapped(ip) == ends.local.0);
            if listens.port == ends.local.1 && here {
                found = Found::Listener;
            }
        } else if is(socket.remote_endpoint(), ends.remote)
            && is(socket.local_endpoint(), ends.local)
            && socket.state() != State::Closed
        {
            return Found::Connection(socket.state());
        }
    }
    found
}

/// The state of a connection, if there is one.
pub(super) fn state_of(sockets: &SocketSet<'_>, ends: &Ends) -> Option<State> {
    match look_up(sockets, ends) {
        Found::Connection(state) => Some(state),
        Found::Listener | Found::Nothing => None,
    }
}

/// Forgets the connections that smoltcp has no more.
pub(super) fn forget_the_dead(flows: &mut Flows, sockets: &SocketSet<'_>) {
    flows.retain(|ends| state_of(sockets, ends).is_some());
}

/// Judges a segment; its checksum is verified here, not by smoltcp.
pub(super) fn judge(
    frame: &mut [u8],
    packet: &mut Packet,
    flows: &mut Flows,
    sockets: &SocketSet<'_>,
) -> Verdict {
    // Nobody cuts segments into fragments any more, and without all of them nothing can be verified.
    if packet.is_fragment || packet.checksum(frame) != 0 {
        return Verdict::Drop;
    }
    let Some(segment) = Segment::parse(frame, packet) else {
        return Verdict::Drop;
    };
    let ends = segment.ends_in(packet);
    match look_up(sockets, &ends) {
        Found::Connection(state) => {
            let Some(flow) = flows.find(&ends) else {
                return Verdict::Pass;
            };
            Arrival {
                frame,
                packet,
                segment,
            }
            .judge(state, flow)
        }
        Found::Listener => {
            if segment.has(flag::SYN) && !flows.has_room() {
                forget_the_dead(flows, sockets);
            }
            Verdict::Pass
        }
        Found::Nothing => {
            if !segment.has(flag::SYN | flag::ACK | flag::RST) {
                Arrival {
                    frame,
                    packet,
                    segment,
                }
                .disguise_as_syn();
            }
            Verdict::Pass
        }
    }
}

/// A segment for a connection or for nobody.
struct Arrival<'a> {
    frame: &'a mut [u8],
    packet: &'a mut Packet,
    segment: Segment,
}

impl Arrival<'_> {
    fn judge(mut self, state: State, flow: &mut Flow) -> Verdict {
        match state {
            State::SynSent => self.meets_syn_sent(flow),
            State::SynReceived => self.meets_syn_received(flow),
            _ if self.segment.has(flag::RST) => self.resets(flow),
            // RFC 5961 §4.2, and §5.2 for what acknowledges more than was sent: an acknowledgement is the
            // answer, and nothing else happens.
            _ if self.segment.has(flag::SYN) => self.make_challenge(flow),
            _ if !self.segment.has(flag::ACK) => return Verdict::Drop,
            _ if before(flow.sent, self.segment.acknowledgement) => self.make_challenge(flow),
            _ => return self.continues(state, flow),
        }
        Verdict::Pass
    }

    /// The numbers of the connection begin with the peer's SYN.
    fn meets_syn_sent(&self, flow: &mut Flow) {
        let segment = &self.segment;
        let is_expected = !segment.has(flag::ACK) || segment.acknowledgement == flow.unacknowledged;
        if segment.has(flag::SYN) && !segment.has(flag::RST) && is_expected {
            let window = flow.edge.wrapping_sub(flow.expected);
            flow.expected = segment.sequence.wrapping_add(1);
            flow.edge = segment.sequence.wrapping_add(window);
        }
    }

    /// The SYN of a simultaneous open comes again with its acknowledgement (RFC 9293 §3.5, figure 7):
    /// smoltcp waits for a plain one.
    fn meets_syn_received(&mut self, flow: &Flow) {
        let segment = &self.segment;
        if segment.has(flag::SYN)
            && segment.has(flag::ACK)
            && segment.sequence.wrapping_add(1) == flow.expected
            && segment.acknowledgement == flow.sent
        {
            self.truncate();
            self.set_sequence(flow.expected);
            self.set_flags(flag::ACK);
            self.seal();
        }
    }

    /// RFC 5961 §3.2: only the exact number resets, another one in the window is challenged.
    fn resets(&mut self, flow: &Flow) {
        let at = self.segment.sequence;
        if before(flow.expected, at) && before(at, flow.edge) {
            self.make_challenge(flow);
        } else if self.segment.length > 0 {
            // It may carry text (RFC 9293 §3.5.3), but smoltcp takes no text into a closed window.
            self.truncate();
            self.seal();
        }
    }

    fn continues(mut self, state: State, flow: &mut Flow) -> Verdict {
        let arrived = self.segment;
        let mut changed = self.ignore_text_behind_fin(state, flow);
        changed |= self.renew_acknowledgement(flow);
        changed |= self.keep_window(flow);
        changed |= self.place_fin(flow);
        let is_probe = self.segment.length > 0
            && flow.expected == flow.edge
            && self.segment.sequence == flow.expected
            && before(flow.unacknowledged, self.segment.acknowledgement);
        flow.enters(&self.segment);
        if is_probe {
            // RFC 9293 §3.10.7.4: into a closed window no data, but the acknowledgement. smoltcp takes
            // it without the data, and answers the probe itself when it comes again as it was.
            let again = Again {
                packet: *self.packet,
                flags: arrived.flags,
            };
            self.truncate();
            self.set_flags(arrived.flags & !flag::FIN);
            self.seal();
            return Verdict::Twice(again);
        }
        if changed {
            self.seal();
        }
        Verdict::Pass
    }

    /// RFC 9293 §3.10.7.4, seventh step: nothing comes behind the end of the stream. smoltcp would deliver it.
    fn ignore_text_behind_fin(&mut self, state: State, flow: &Flow) -> bool {
        let has_ended = matches!(
            state,
            State::CloseWait | State::Closing | State::LastAck | State::TimeWait
        );
        let ignores = has_ended && before(flow.expected, self.segment.data_end());
        if ignores {
            self.truncate();
        }
        ignores
    }

    /// RFC 9293 §3.10.7.4, fifth step: an old acknowledgement is ignored, not the data that carries it.
    fn renew_acknowledgement(&mut self, flow: &Flow) -> bool {
        let age = flow
            .unacknowledged
            .wrapping_sub(self.segment.acknowledgement);
        if age == 0 || age > OLD_ACKNOWLEDGEMENT || self.segment.end() == self.segment.sequence {
            return false;
        }
        self.put(field::ACKNOWLEDGEMENT, &flow.unacknowledged.to_be_bytes());
        true
    }

    /// RFC 9293 §3.10.7.4, fifth step: the window is taken from the newest segment.
    fn keep_window(&mut self, flow: &mut Flow) -> bool {
        let segment = &self.segment;
        if flow.is_beyond(segment) {
            return false;
        }
        if let Some((from, window)) = flow.window
            && before(segment.sequence, from)
            && !before(flow.unacknowledged, segment.acknowledgement)
        {
            // The same acknowledgement with more room cannot be wrong.
            let is_same = segment.acknowledgement == flow.unacknowledged;
            if is_same && segment.window >= window {
                flow.window = Some((from, segment.window));
                return false;
            }
            self.put(field::WINDOW, &window.to_be_bytes());
            return true;
        }
        flow.window = Some((segment.sequence, segment.window));
        false
    }

    /// RFC 9293 §3.10.7.4, first and eighth step: a FIN counts behind its data. smoltcp cuts off the data
    /// behind the window, but not the FIN; and when all the data is there already, it does not look at it.
    fn place_fin(&mut self, flow: &Flow) -> bool {
        let segment = &self.segment;
        if !segment.has(flag::FIN) || segment.length == 0 {
            return false;
        }
        let at = segment.data_end();
        if before(flow.edge, at) {
            self.set_flags(segment.flags & !flag::FIN);
        } else if at == flow.expected {
            self.truncate();
            self.set_sequence(at);
        } else {
            return false;
        }
        true
    }

    /// Makes of the segment an empty one that lies before the window: smoltcp acknowledges it, at most once
    /// a second, and does nothing else.
    fn make_challenge(&mut self, flow: &Flow) {
        // Without options: they might be what smoltcp drops it for.
        self.segment.data = self.packet.payload + TCP_HEADER;
        self.put(field::HEADER_LENGTH, &[(TCP_HEADER as u8 / 4) << 4]);
        self.truncate();
        self.set_sequence(flow.expected.wrapping_sub(1));
        self.put(field::ACKNOWLEDGEMENT, &flow.sent.to_be_bytes());
        self.set_flags(flag::ACK);
        self.seal();
    }

    /// RFC 9293 §3.10.7.1: the reset that answers a segment without acknowledgement acknowledges all of
    /// it. smoltcp does so for a SYN, which this becomes: at a port where nobody listens.
    fn disguise_as_syn(&mut self) {
        if !self.segment.has(flag::FIN) {
            self.set_sequence(self.segment.sequence.wrapping_sub(1));
        }
        self.set_flags(flag::SYN);
        self.seal();
    }

    fn put(&mut self, field: usize, value: &[u8]) {
        put(self.frame, self.packet.payload + field, value);
    }

    fn set_sequence(&mut self, sequence: u32) {
        self.segment.sequence = sequence;
        self.put(field::SEQUENCE, &sequence.to_be_bytes());
    }

    fn set_flags(&mut self, flags: u8) {
        self.segment.flags = flags;
        self.put(field::FLAGS, &[flags]);
    }

    /// Cuts off the data.
    fn truncate(&mut self) {
        self.segment.length = 0;
        self.packet.set_end(self.frame, self.segment.data);
    }

    fn seal(&mut self) {
        self.packet.seal(self.frame, field::CHECKSUM);
    }
}

/// A segment to be delivered a second time, as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Again {
    packet: Packet,
    flags: u8,
}

impl Again {
    /// Undoes what was done to the segment.
    pub(super) fn restore(mut self, frame: &mut [u8]) {
        let end = self.packet.end;
        self.packet.set_end(frame, end);
        put(frame, self.packet.payload + field::FLAGS, &[self.flags]);
        self.packet.seal(frame, field::CHECKSUM);
    }
}
