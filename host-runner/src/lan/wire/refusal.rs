//! Why there is no wire on this machine, and what would unlock it.
//!
//! Must not: change anything, or print.

use std::fs;
use std::io;

/// As if the system refused namespaces.
const FORBIDDEN: &str = "HIL_NO_WIRE";
/// Whoever would do without the wire fails instead.
const REQUIRED: &str = "HIL_REQUIRE_WIRE";

/// The wire cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no wire can be made: {why}")]
pub struct Refusal {
    why: String,
    by: By,
}

/// Who refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Somebody, by the environment.
    Environment,
    /// The system, with this error number if it gave one.
    System(Option<i32>),
}

impl Refusal {
    /// The system said this when somebody tried `doing`.
    pub(super) fn new(doing: impl Into<String>, error: io::Error) -> Self {
        Self {
            why: format!("{}: {error}", doing.into()),
            by: By::System(error.raw_os_error()),
        }
    }

    /// Somebody does not want one.
    pub(super) fn by_environment() -> Option<Self> {
        is_set(FORBIDDEN).then(|| Self {
            why: format!("{FORBIDDEN} is set"),
            by: By::Environment,
        })
    }

    /// What would unlock it, a line each.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        let switches = Switches::of_this_machine();
        self.advice_for(&switches)
    }

    fn advice_for(&self, switches: &Switches) -> Vec<String> {
        let errno = match self.by {
            By::Environment => return vec![format!("unset {FORBIDDEN}")],
            By::System(errno) => errno,
        };
        let mut advice = Vec::new();
        if switches.apparmor == Some(1) {
            advice.push(
                "AppArmor restricts user namespaces: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, \
                 or a profile for hil that has the rule \"userns,\""
                    .to_owned(),
            );
        }
        if switches.clone == Some(0) {
            advice.push(
                "user namespaces are for root only: sudo sysctl kernel.unprivileged_userns_clone=1"
                    .to_owned(),
            );
        }
        if errno == Some(libc::ENOSPC) || switches.most == Some(0) {
            advice.push(
                "there may be no (more) user namespaces: sudo sysctl user.max_user_namespaces=15000"
                    .to_owned(),
            );
        }
        if errno == Some(libc::EOPNOTSUPP) {
            advice.push(
                "the kernel has no veth: sudo modprobe veth, or a kernel with CONFIG_VETH"
                    .to_owned(),
            );
        }
        // Without a number the keeper did not get as far as to say one: filters may also kill.
        let filtered = [libc::EPERM, libc::ENOSYS, libc::EACCES];
        if switches.filtered && errno.is_none_or(|it| filtered.contains(&it)) {
            advice.push(
                "a system call filter is on, as in containers: start the container with --security-opt \
                 seccomp=unconfined, or as root in it with --cap-add SYS_ADMIN --cap-add NET_ADMIN"
                    .to_owned(),
            );
        }
        advice.push(match (switches.root, advice.is_empty()) {
            (false, true) => "run hil as root".to_owned(),
            (false, false) => "or run hil as root".to_owned(),
            (true, _) => "this root lacks CAP_SYS_ADMIN or CAP_NET_ADMIN, as in containers: start hil with both, \
                          or where ordinary users may make user namespaces"
                .to_owned(),
        });
        advice
    }
}

/// What the machine says about namespaces; `None` where it has no such switch.
#[derive(Debug, Default)]
struct Switches {
    /// `kernel.apparmor_restrict_unprivileged_userns`.
    apparmor: Option<u64>,
    /// `kernel.unprivileged_userns_clone`.
    clone: Option<u64>,
    /// `user.max_user_namespaces`.
    most: Option<u64>,
    /// System calls are filtered.
    filtered: bool,
    /// This process is root's.
    root: bool,
}

impl Switches {
    fn of_this_machine() -> Self {
        let number = |path: &str| {
            let text = fs::read_to_string(format!("/proc/sys/{path}")).ok()?;
            text.trim().parse().ok()
        };
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            apparmor: number("kernel/apparmor_restrict_unprivileged_userns"),
            clone: number("kernel/unprivileged_userns_clone"),
            most: number("user/max_user_namespaces"),
            filtered: status.lines().any(|line| line == "Seccomp:\t2"),
            root: rustix::process::geteuid().is_root(),
        }
    }
}

/// Whether there must be a wire: nobody may do with less.
#[must_use]
pub fn is_required() -> bool {
    is_set(REQUIRED)
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_fits_the_machine() {
        let refused = |errno| {
            Refusal::new(
                "making a network namespace",
                io::Error::from_raw_os_error(errno),
            )
        };
        let advice = |errno, switches: Switches| refused(errno).advice_for(&switches).join("\n");
        let plain = advice(libc::EPERM, Switches::default());
        assert_eq!(plain, "run hil as root");
        let root = Switches {
            root: true,
            ..Switches::default()
        };
        assert!(advice(libc::EPERM, root).contains("CAP_SYS_ADMIN"));
        let ubuntu = Switches {
            apparmor: Some(1),
            ..Switches::default()
        };
        assert!(advice(libc::EACCES, ubuntu).contains("apparmor_restrict_unprivileged_userns=0"));
        let container = Switches {
            filtered: true,
            ..Switches::default()
        };
        assert!(advice(libc::EPERM, container).contains("--security-opt"));
        let full = advice(libc::ENOSPC, Switches::default());
        assert!(full.contains("max_user_namespaces"));
        assert!(
            refused(libc::EPERM)
                .to_string()
                .starts_with("no wire can be made: making")
        );
    }

    #[test]
    fn nobody_is_told_to_unset_what_is_not_set() {
        let gone = Refusal::new("starting the keeper", io::Error::other("it is gone"));
        let filtered = Switches {
            filtered: true,
            ..Switches::default()
        };
        let advice = gone.advice_for(&filtered).join("\n");
        assert!(!advice.contains(FORBIDDEN), "{advice}");
        assert!(advice.contains("--security-opt"), "{advice}");
    }
}
