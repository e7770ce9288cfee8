//! The GNU build id of the running program, read from its own file as mapped by the kernel.

use std::fs::File;

use object::{Object, ReadCache};

/// The build id; `None` if the program has none.
pub(crate) fn own() -> Option<Vec<u8>> {
    let file = ReadCache::new(File::open("/proc/self/exe").ok()?);
    let object = object::File::parse(&file).ok()?;
    Some(object.build_id().ok()??.to_vec())
}
