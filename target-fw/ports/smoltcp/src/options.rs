//! Socket options: REUSEADDR, KEEPALIVE, BROADCAST, IPTOS, and multicast membership (contract §9).

use nsapi::option::{
    ADD_MEMBERSHIP, BROADCAST, DROP_MEMBERSHIP, IPTOS, KEEPALIVE, LEVEL_SOCKET, Membership,
    REUSEADDR,
};
use nsapi::{Error, Result};

use crate::core::Core;
use crate::slots::Body;

/// Longest keepalive time, in seconds (contract §9).
const MAX_KEEPALIVE_S: i32 = 7200;

impl Core {
    /// Sets an option.
    pub(crate) fn set_option(
        &mut self,
        index: usize,
        level: i32,
        name: i32,
        value: &[u8],
    ) -> Result<()> {
        let body = self.slots[index].body;
        if level != LEVEL_SOCKET || !supported(name, body) {
            return Err(Error::UNSUPPORTED);
        }
        if let (ADD_MEMBERSHIP | DROP_MEMBERSHIP, Body::Udp { queues }) = (name, body) {
            let membership = Membership::from_bytes(value).ok_or(Error::PARAMETER)?;
            return if name == ADD_MEMBERSHIP {
                self.join(queues, &membership)
            } else {
                self.leave(queues, &membership)
            };
        }
        if name == IPTOS {
            let [tos] = *value else {
                return Err(Error::UNSUPPORTED);
            };
            self.slots[index].tos = tos;
            return Ok(());
        }
        let value = value
            .try_into()
            .map(i32::from_ne_bytes)
            .map_err(|_| Error::UNSUPPORTED)?;
        let slot = &mut self.slots[index];
        match name {
            REUSEADDR => slot.reuse = value != 0,
            BROADCAST => slot.broadcast = value != 0,
            _ => {
                if !(0..=MAX_KEEPALIVE_S).contains(&value) {
                    return Err(Error::PARAMETER);
                }
                slot.keepalive_s = value;
                if let Body::Tcp {
                    pipe: Some(pipe), ..
                } = body
                {
                    self.apply_keepalive(index, pipe);
                } else {
                    for pipe in 0..self.pipes.len() {
                        if self.pipes_of(index).any(|held| held == pipe) {
                            self.apply_keepalive(index, pipe);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads an option.
    pub(crate) fn get_option(
        &self,
        index: usize,
        level: i32,
        name: i32,
        out: &mut [u8],
    ) -> Result<usize> {
        let slot = &self.slots[index];
        if level != LEVEL_SOCKET || !supported(name, slot.body) {
            return Err(Error::UNSUPPORTED);
        }
        if name == IPTOS {
            *out.first_mut().ok_or(Error::PARAMETER)? = slot.tos;
            return Ok(1);
        }
        let value = match name {
            REUSEADDR => i32::from(slot.reuse),
            BROADCAST => i32::from(slot.broadcast),
            KEEPALIVE => slot.keepalive_s,
            _ => return Err(Error::UNSUPPORTED),
        };
        let bytes = value.to_ne_bytes();
        let room = out.get_mut(..bytes.len()).ok_or(Error::PARAMETER)?;
        room.copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

/// Whether a kind of socket has an option.
const fn supported(name: i32, body: Body) -> bool {
    match name {
        REUSEADDR | IPTOS => true,
        KEEPALIVE => matches!(body, Body::Tcp { .. }),
        BROADCAST | ADD_MEMBERSHIP | DROP_MEMBERSHIP => matches!(body, Body::Udp { .. }),
        _ => false,
    }
}
