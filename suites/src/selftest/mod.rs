//! The harness tried out on itself: boards broken on purpose, to see that each way of breaking gets the verdict that
//! tells what happened and where, and that the run goes on.
//!
//! These cases fail by design, so they run only when the suite is named. They are about the harness and no port: the
//! ids they cite stand in no file of requirements.

mod crash;
mod recovery;
