//! What a network offers to a board besides peers: a DHCP server and a router, over the cable. Both just work from
//! start-up on; a case may script them for its own duration ([`crate::Ctx::dhcp`], [`crate::Ctx::router`]).
//!
//! The DHCP server is a host of its own on the cable (ghost 0 of the plan), so that the kernel never mixes in; the
//! router is the host's kernel, by its link-local address. Must not: judge, except in methods that say `expect`.

mod dhcp;
mod dhcp_script;
mod learnt;
mod router;
#[cfg(test)]
mod tests;

pub use dhcp::Dhcp;
pub use dhcp_script::{Answer, DhcpKind, DhcpSeen, Form, Lease};
pub use learnt::Learnt;
pub use router::{Advertisement, Prefix, Router};

use core::fmt;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::Cable;
use crate::ctx::State;
use crate::{Ctx, Stop, Trouble};

/// The services of one cable; they end when the last owner drops this.
pub struct Services {
    pub(super) dhcp: Arc<dhcp::Server>,
    pub(super) router: Arc<router::Announcer>,
    pub(super) learnt: Arc<learnt::Notes>,
    tasks: Vec<JoinHandle<()>>,
}

impl Services {
    /// Starts all services on `cable`. To be called inside of a tokio runtime, before the board starts.
    #[must_use]
    pub fn start(cable: Arc<dyn Cable>) -> Arc<Self> {
        let plan = cable.plan();
        let dhcp = dhcp::Server::new(Arc::clone(&cable), plan);
        let router = router::Announcer::new(Arc::clone(&cable), plan);
        let learnt = Arc::new(learnt::Notes::default());
        // The taps are there when this returns, so that nothing of what the board says first is missed.
        let tasks = vec![
            tokio::spawn(dhcp::serve(Arc::clone(&dhcp), cable.tap(dhcp::asked()))),
            tokio::spawn(router::serve(
                Arc::clone(&router),
                cable.tap(router::asked()),
            )),
            tokio::spawn(learnt::listen(
                Arc::clone(&learnt),
                cable.tap(learnt::telling()),
            )),
        ];
        Arc::new(Self {
            dhcp,
            router,
            learnt,
            tasks,
        })
    }

    /// Forgets what a case has scripted and what was seen: everything is as after [`Self::start`].
    pub(crate) fn reset(&self) {
        self.dhcp.reset();
        self.router.reset();
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").finish_non_exhaustive()
    }
}

impl State {
    pub(super) fn services(&self) -> Result<Arc<Services>, Trouble> {
        self.lan.services().ok_or_else(|| {
            let lan = self.lan.name();
            Trouble::CaseBug(format!(
                "the lan {lan} has no services of its own: the case does not say needs = [Cable]"
            ))
        })
    }
}

impl Ctx {
    /// The DHCP server on the cable, to be scripted until the case ends.
    pub fn dhcp(&self) -> Result<Dhcp, Stop> {
        Ok(Dhcp::new(&self.state, self.state.services()?.dhcp.clone()))
    }

    /// The router on the cable, to be scripted until the case ends.
    pub fn router(&self) -> Result<Router, Stop> {
        Ok(Router::new(
            &self.state,
            self.state.services()?.router.clone(),
        ))
    }
}
