//! Lets a command run in other namespaces.
#![expect(
    unsafe_code,
    reason = "entering namespaces between fork and exec, where there is one thread"
)]

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Into the user namespace, if one is given, and the network namespace.
pub(super) fn enter(command: &mut Command, user: Option<OwnedFd>, net: OwnedFd) {
    // SAFETY: between fork and exec only two system calls are made; neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            if let Some(user) = &user {
                move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
            }
            move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(())
        });
    }
}

/// Lets a command keep a descriptor, under its number.
pub(crate) fn inherit(command: &mut Command, descriptor: OwnedFd) {
    // SAFETY: between fork and exec one system call is made; it changes the table of the child only.
    unsafe {
        command.pre_exec(move || Ok(fcntl_setfd(&descriptor, FdFlags::empty())?));
    }
}
