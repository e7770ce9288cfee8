//! The sockets layer on the reference port: two stacks on a cable in memory, in real time.

#[embedded_test::tests]
mod sockets {
    use core::task::Poll;

    use cortex_m::Peripherals;
    use nsapi::interface::{NetworkInterface as _, Status};
    use nsapi::iut::SocketKind;
    use nsapi::{Call, Error, EventTable, IpAddress, Result, SocketAddress, SocketId, Sockets};
    use nsapi_protocol::pattern::Pattern;
    use nsapi_smoltcp::{Config, SmoltcpStack, StackResources};
    use static_cell::{ConstStaticCell, StaticCell};

    use crate::cable::Card;
    use crate::hardware::clock::{self, BoardClock};

    /// Longest wait for anything.
    const PATIENCE_US: u64 = 3_000_000;
    const SOCKETS: usize = 4;
    type Layer = Sockets<SmoltcpStack<Card>, BoardClock, SOCKETS>;
    type Memory = StackResources<6, 1, 8, 1024, 1024>;

    static MEMORY: [ConstStaticCell<Memory>; 2] =
        [const { ConstStaticCell::new(Memory::new()) }; 2];
    static EVENTS: [EventTable<SOCKETS>; 2] = [const { EventTable::new() }; 2];
    static LAYERS: [StaticCell<Layer>; 2] = [const { StaticCell::new() }; 2];

    /// Two hosts, 10.0.0.1 and 10.0.0.2.
    struct Hosts([&'static Layer; 2]);

    impl Hosts {
        /// Lets both work until `ask` has an answer.
        fn until<T>(&self, mut ask: impl FnMut() -> Poll<T>) -> T {
            let began = clock::now_us();
            loop {
                for layer in self.0 {
                    layer.stack().poll(clock::now_us());
                }
                if let Poll::Ready(answer) = ask() {
                    return answer;
                }
                assert!(clock::now_us() - began < PATIENCE_US, "no answer");
            }
        }

        /// A connection from the first host to a listener of the second: both ends.
        fn connection(&self) -> (SocketId, SocketId) {
            let [a, b] = self.0;
            let listener = open(b, SocketKind::Tcp);
            b.bind(listener, &SocketAddress::any(7))
                .expect("a free port");
            b.listen(listener, 1).expect("it is bound");
            let near = open(a, SocketKind::Tcp);
            let (mut connecting, mut accepting) = (Call::new(), Call::new());
            let connected = self.until(|| a.poll_connect(near, &mut connecting, &address(2, 7)));
            connected.expect("somebody listens");
            let accepted = self.until(|| b.poll_accept(listener, &mut accepting));
            let (far, peer) = accepted.expect("somebody has connected");
            assert_eq!(peer.ip, IpAddress::V4([10, 0, 0, 1]));
            (near, far)
        }
    }

    fn address(last: u8, tcp_port: u16) -> SocketAddress {
        SocketAddress::new(IpAddress::V4([10, 0, 0, last]), tcp_port)
    }

    fn open(layer: &Layer, kind: SocketKind) -> SocketId {
        let id = layer.socket_new(kind).expect("there is room");
        layer.open(id, nsapi::iut::OpenOn::Stack).expect("it opens");
        id
    }

    fn host(index: usize, last: u8) -> &'static Layer {
        let mac = [2, 0, 0, 0, 0, last];
        let seed = 0x1234_5678_9abc_def0 ^ u64::from(last) << 17;
        let memory = MEMORY[index].take();
        let now = clock::now_us();
        let stack = SmoltcpStack::new(Card(index), memory, mac, now, seed, Config::default());
        let mask = SocketAddress::new(IpAddress::V4([255, 255, 255, 0]), 0);
        stack
            .set_network(&address(last, 0), &mask, &SocketAddress::any(0))
            .expect("a sound configuration");
        stack.connect().expect("it starts going up");
        LAYERS[index].init_with(|| Sockets::new(stack, BoardClock, &EVENTS[index]))
    }

    #[init]
    fn init() -> Hosts {
        let core = Peripherals::take().expect("nobody was here before");
        clock::start(core.SYST);
        let hosts = Hosts([host(0, 1), host(1, 2)]);
        hosts.until(|| {
            let up = |layer: &Layer| layer.stack().status() == Ok(Status::GlobalUp);
            if hosts.0.iter().all(|layer| up(layer)) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        hosts
    }

    #[test]
    #[timeout(20)]
    fn a_stream_arrives_whole_and_in_order(hosts: Hosts) {
        const LENGTH: usize = 20_000;
        let (near, far) = hosts.connection();
        let [a, b] = hosts.0;
        let pattern = Pattern::new(7);
        let (mut sent, mut received) = (0, 0);
        let (mut sending, mut receiving) = (Call::new(), Call::new());
        let mut piece = [0; 700];
        hosts.until(|| {
            if sent < LENGTH {
                let length = piece.len().min(LENGTH - sent);
                pattern.fill(sent as u64, &mut piece[..length]);
                if let Poll::Ready(count) = a.poll_send(near, &mut sending, &piece[..length]) {
                    sent += count.expect("the connection stands");
                    sending = Call::new();
                }
            }
            let mut buffer = [0; 512];
            if let Poll::Ready(count) = b.poll_recv(far, &mut receiving, &mut buffer) {
                let count: usize = count.expect("the connection stands");
                let damaged = pattern.first_mismatch(received as u64, &buffer[..count]);
                assert_eq!(damaged, None, "after {received} bytes");
                received += count;
                receiving = Call::new();
            }
            if received == LENGTH {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
    }

    #[test]
    #[timeout(20)]
    fn the_end_of_a_stream_is_a_zero(hosts: Hosts) {
        let (near, far) = hosts.connection();
        let [a, b] = hosts.0;
        let mut closing = Call::new();
        hosts
            .until(|| a.poll_close(near, &mut closing))
            .expect("it was open");
        let mut receiving = Call::new();
        let mut buffer = [0; 16];
        let end = hosts.until(|| b.poll_recv(far, &mut receiving, &mut buffer));
        assert_eq!(end, Ok(0));
        let mut again = Call::new();
        let closed: Result<usize> = hosts.until(|| a.poll_recv(near, &mut again, &mut buffer));
        assert_eq!(closed, Err(Error::NO_SOCKET));
    }

    #[test]
    #[timeout(20)]
    fn nobody_listens_and_connect_says_so(hosts: Hosts) {
        let [a, _] = hosts.0;
        let near = open(a, SocketKind::Tcp);
        let mut connecting = Call::new();
        let answer = hosts.until(|| a.poll_connect(near, &mut connecting, &address(2, 9)));
        assert!(answer.is_err(), "connected to nobody");
    }

    #[test]
    #[timeout(20)]
    fn a_datagram_arrives_with_its_sender(hosts: Hosts) {
        let [a, b] = hosts.0;
        let (near, far) = (open(a, SocketKind::Udp), open(b, SocketKind::Udp));
        a.bind(near, &SocketAddress::any(5000))
            .expect("a free port");
        b.bind(far, &SocketAddress::any(6000)).expect("a free port");
        let mut sending = Call::new();
        let sent = hosts.until(|| a.poll_sendto(near, &mut sending, &address(2, 6000), b"hello"));
        assert_eq!(sent, Ok(5));
        let mut receiving = Call::new();
        let (mut buffer, mut from) = ([0; 16], SocketAddress::default());
        let count = hosts
            .until(|| b.poll_recvfrom(far, &mut receiving, &mut buffer, Some(&mut from)))
            .expect("it arrives");
        assert_eq!(&buffer[..count], b"hello");
        assert_eq!((from.ip, from.port), (IpAddress::V4([10, 0, 0, 1]), 5000));
    }
}
