//! Start-up and main loop.
//!
//! For now without the agent: gets an address by DHCP and echoes the link.

use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::socket::dhcpv4;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};

use crate::hardware::{clock, guard, interrupts, lan9118::Lan9118};
use crate::link::UartLink;
use crate::text::{Text, say};
use crate::{identity, keep};

#[cortex_m_rt::entry]
fn start() -> ! {
    let core = cortex_m::Peripherals::take().expect("taken once");
    guard::raise(&core.MPU);
    clock::start(core.SYST);
    Text::start();
    let starts = keep::count_start();
    say!(
        "qemu-mps2-an385, start {}, build id {:02x?}",
        starts,
        identity::build_id()
    );
    let mut beacon = [0; keep::BEACON_SIZE];
    if let Some(length) = keep::take_beacon(&mut beacon) {
        say!("beacon {:?}", core::str::from_utf8(&beacon[..length]));
    }
    let mut link = UartLink::start();
    let mut nic = match Lan9118::start() {
        Ok(nic) => nic,
        Err(trouble) => panic!("{trouble}"),
    };
    say!("mac {:02x?}", nic.mac());
    let now = || Instant::from_micros(clock::now_us() as i64);
    let mut iface = Interface::new(
        Config::new(EthernetAddress(nic.mac()).into()),
        &mut nic,
        now(),
    );
    let mut storage = [SocketStorage::EMPTY; 2];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let dhcp = sockets.add(dhcpv4::Socket::new());
    loop {
        iface.poll(now(), &mut nic, &mut sockets);
        match sockets.get_mut::<dhcpv4::Socket<'_>>(dhcp).poll() {
            Some(dhcpv4::Event::Configured(config)) => {
                say!(
                    "address {}, jitter {} us so far",
                    config.address,
                    clock::take_jitter_us()
                );
                iface.update_ip_addrs(|a| {
                    a.clear();
                    let _ = a.push(IpCidr::Ipv4(config.address));
                });
            }
            Some(dhcpv4::Event::Deconfigured) => say!("no address"),
            None => {}
        }
        let mut bytes = [0; 64];
        let lost = UartLink::take_lost();
        if lost > 0 {
            say!("{lost} bytes of the link lost");
        }
        let n = link.receive(&mut bytes);
        link.write(&bytes[..n]);
        let more = link.send_portion();
        let until = iface
            .poll_at(now(), &sockets)
            .map(|at| at.total_micros() as u64);
        Lan9118::rearm();
        while !(more
            || UartLink::has_received()
            || Lan9118::is_waiting()
            || until.is_some_and(|at| at <= clock::now_us()))
        {
            interrupts::sleep_unless(|| UartLink::has_received() || Lan9118::is_waiting());
        }
    }
}
