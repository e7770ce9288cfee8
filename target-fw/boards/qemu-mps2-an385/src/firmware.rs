//! Start-up and main loop: the one context that everything but two interrupt handlers runs in.

use nsapi::interface::{NetworkInterface as _, Status};
use nsapi::{AtStackLevel, EventTable, IpAddress, Sockets};
use nsapi_agent::{Agent, Counters, Identity, Memory};
use nsapi_smoltcp::{Config, SmoltcpStack, StackResources};
use static_cell::{ConstStaticCell, StaticCell};

use cortex_m::peripheral::SCB;

use crate::brake::Course;
use crate::hardware::clock::{self, BoardClock};
use crate::hardware::lan9118::Lan9118;
use crate::hardware::rtt::Rtt;
use crate::hardware::{guard, interrupts, stack as depth};
use crate::link::UartLink;
use crate::links::Links;
use crate::{identity, keep, log};

/// Name of the board; its folder has the same.
const BOARD: &str = "qemu-mps2-an385";

/// TCP sockets of the stack (four of them in reserve), UDP sockets, and all with the one for DHCP.
const TCP: usize = 10;
const UDP: usize = 4;
const ALL: usize = TCP + UDP + 1;
/// Socket objects: twice as many as can be open, so that it is the stack that runs out.
const OBJECTS: usize = 24;

/// Said when the board has crashed too often to go on as always (brake.rs).
const NETWORK_OFF: &str = "the network is left off after crashes upon crashes";

/// The port of this board and the socket layer over it.
type Stack = SmoltcpStack<Lan9118>;
type Layer = Sockets<Stack, BoardClock, OBJECTS>;
type Iut = AtStackLevel<Stack, BoardClock, OBJECTS>;

static RESOURCES: ConstStaticCell<StackResources<TCP, UDP, ALL>> =
    ConstStaticCell::new(StackResources::new());
static EVENTS: EventTable<OBJECTS> = EventTable::new();
static COUNTERS: Counters = Counters::new();
static LAYER: StaticCell<Layer> = StaticCell::new();
static IUT: StaticCell<Iut> = StaticCell::new();
static AGENT: StaticCell<Agent<'static, Iut>> = StaticCell::new();
static AGENT_MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());

#[cortex_m_rt::entry]
fn start() -> ! {
    let (stack, agent, link, course) = prepare();
    run(stack, agent, link, course)
}

/// Brings up everything. Not part of [`start`], whose frame lasts for ever: what is moved to its place here
/// takes kilobytes of stack on the way.
#[inline(never)]
fn prepare() -> (
    &'static Stack,
    &'static mut Agent<'static, Iut>,
    Links,
    Course,
) {
    let Some(core) = cortex_m::Peripherals::take() else {
        unreachable!("nobody was here before")
    };
    guard::raise(&core.MPU);
    clock::start(core.SYST);
    log::start();
    let rtt = Rtt::start();
    let starts = keep::count_start();
    let build_id = identity::build_id();
    defmt::info!(
        "{=str}, start {=u32} since power-on, build id {=[u8]:02x}",
        BOARD,
        starts,
        build_id
    );
    let beacon = keep::take_beacon();
    if let Some(beacon) = &beacon {
        defmt::warn!(
            "reset by a fault: {=str}: {=str}",
            beacon.kind(),
            beacon.message()
        );
    }
    let crashes = keep::crashes();
    let course = Course::after(crashes);
    let nic = match course {
        Course::Normal => match Lan9118::start() {
            Ok(nic) => nic,
            Err(trouble) => panic!("{trouble}"),
        },
        Course::Quiet => {
            defmt::warn!("{=u32} crashes and no runner: {=str}", crashes, NETWORK_OFF);
            Lan9118::left_off()
        }
        Course::Stop => {
            defmt::error!(
                "{=u32} crashes and no runner: stopped until power-off",
                crashes
            );
            loop {
                interrupts::sleep_unless(|| false);
            }
        }
    };
    let mac = nic.mac();
    let seed = seed(starts, mac);
    let boot = starts << 16 | (seed & 0xffff) as u32;

    let resources = RESOURCES.take();
    let stack = SmoltcpStack::new(
        nic,
        resources,
        mac,
        clock::now_us(),
        seed,
        Config::default(),
    );
    let layer: &'static Layer = LAYER.init_with(|| Sockets::new(stack, BoardClock, &EVENTS));
    let stack = layer.stack();
    let iut: &'static Iut = IUT.init_with(|| AtStackLevel::new(layer, stack, stack.statement()));
    let identity = Identity {
        board: BOARD,
        build_id,
        boot,
        beacon,
        jitter_us: clock::take_jitter_us,
    };
    let memory = AGENT_MEMORY.take();
    let agent = AGENT.init_with(|| Agent::new(iut, identity, &COUNTERS, memory));
    agent.allow_restart();
    #[cfg(feature = "crash-commands")]
    agent.allow_crash(crate::crash::on_request);
    (stack, agent, Links::start(rtt), course)
}

/// Goes round while anything moves, sleeps when nothing does.
///
/// What the agent calls, the stack has to carry out, and what happens in the stack may be what a call in
/// the agent waits for. So both get their turn until a round in which no byte and no frame went anywhere
/// and no deadline passed.
fn run(stack: &'static Stack, agent: &mut Agent<'_, Iut>, mut link: Links, course: Course) -> ! {
    let mut status = None;
    let mut deadline = None;
    let mut greeted = false;
    let mut deepest = depth::Watch::new();
    let mut cable = Cable::new();
    loop {
        let frames = Lan9118::frames_moved();
        let due = is_past(deadline);
        let received = take_bytes(&mut link, agent);
        let agent_at = agent.poll(&mut link);
        if !greeted && agent.has_session() {
            greeted = true;
            keep::forgive_crashes();
            if course == Course::Quiet {
                agent.log(NETWORK_OFF);
            }
        }
        let sending = link.send_portion();
        if agent.restart_is_due() && link.is_empty() {
            defmt::info!("restart, as the runner asked");
            link.wait_until_sent();
            SCB::sys_reset();
        }
        if course == Course::Normal {
            cable.follow(stack);
            follow_mac(stack);
        }
        let stack_at = match course {
            Course::Normal => stack.poll(clock::now_us()),
            Course::Quiet | Course::Stop => None,
        };
        tell_status(stack, &mut status);

        deadline = [agent_at, stack_at].into_iter().flatten().min();
        let moved = due || received || sending || Lan9118::frames_moved() != frames;
        if moved || agent.has_output() && link.has_room() {
            continue;
        }
        if let Some(bytes) = deepest.deeper(clock::now_us()) {
            defmt::info!(
                "stack: {=usize} of {=usize} bytes used at most",
                bytes,
                depth::size()
            );
        }
        if Lan9118::is_waiting() {
            Lan9118::rearm();
        }
        while !(link.has_received()
            || Lan9118::is_waiting()
            || link.can_go_on()
            || agent.has_output() && link.has_room()
            || is_past(deadline)
            || cable.is_due())
        {
            interrupts::sleep_unless(|| {
                link.has_received() || Lan9118::is_waiting() || link.can_go_on()
            });
        }
    }
}

/// How often the cable is looked at, in microseconds.
const CABLE_EVERY_US: u64 = 50_000;

/// Tells the stack whether the cable carries.
struct Cable {
    look_at_us: u64,
}

impl Cable {
    const fn new() -> Self {
        Self { look_at_us: 0 }
    }

    fn is_due(&self) -> bool {
        self.look_at_us <= clock::now_us()
    }

    fn follow(&mut self, stack: &Stack) {
        if !self.is_due() {
            return;
        }
        self.look_at_us = clock::now_us() + CABLE_EVERY_US;
        // A chip that does not answer has told nothing.
        if let Ok(carries) = Lan9118::link() {
            stack.set_link(carries);
        }
    }
}

/// Lets the chip listen to the hardware address the interface has been given.
fn follow_mac(stack: &Stack) {
    let Some(mac) = stack.get_mac_address() else {
        return;
    };
    stack.with_device(|nic| {
        if nic.mac() != mac
            && let Err(trouble) = nic.set_mac(mac)
        {
            defmt::warn!("the hardware address stays as it is: {}", trouble);
        }
    });
}

fn is_past(deadline: Option<u64>) -> bool {
    deadline.is_some_and(|at| at <= clock::now_us())
}

/// Hands the agent what has arrived, as far as it has room. Whether there was anything.
fn take_bytes(link: &mut Links, agent: &mut Agent<'_, Iut>) -> bool {
    let mut bytes = [0; 256];
    let room = agent.room().min(bytes.len());
    let count = link.receive(&mut bytes[..room]);
    agent.receive(&bytes[..count]);
    let lost = UartLink::take_lost();
    if lost > 0 {
        defmt::warn!("{=u32} bytes from the runner lost", lost);
        agent.log("bytes from the runner were lost: the link was not emptied in time");
    }
    count > 0
}

/// Writes changes of the interface's status to the log.
fn tell_status(stack: &Stack, last: &mut Option<Status>) {
    let now = stack.status().ok();
    if now != *last {
        *last = now;
        let status = match now {
            Some(Status::LocalUp) => "up with a local address",
            Some(Status::GlobalUp) => "up",
            Some(Status::Disconnected) => "down",
            Some(Status::Connecting) => "going up",
            None => "without a status",
        };
        let address = stack.get_ip_address().map(|address| address.ip);
        match address {
            Ok(IpAddress::V4([a, b, c, d])) => defmt::info!(
                "interface {=str}, address {=u8}.{=u8}.{=u8}.{=u8}",
                status,
                a,
                b,
                c,
                d
            ),
            Ok(IpAddress::V6(ip)) => {
                defmt::info!("interface {=str}, address {=[u8]:02x}", status, ip);
            }
            Ok(IpAddress::Unspec) | Err(_) => defmt::info!("interface {=str}", status),
        }
    }
}

/// A number that is unlikely to come twice, for ports and sequence numbers: time since reset, count of
/// starts and hardware address, mixed. Nobody should mistake it for a secret.
fn seed(starts: u32, mac: [u8; 6]) -> u64 {
    let mac = mac
        .iter()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut mixed = clock::now_us() ^ u64::from(starts) << 32 ^ mac << 16;
    // The finishing steps of SplitMix64: every bit of the input reaches every bit of the output.
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
