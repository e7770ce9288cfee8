//! The rings of RTT as the host handles them: as few accesses as it takes, because each of them is a round trip to the
//! probe.
//!
//! probe-rs finds and checks the control block, but spends seven to nine accesses on what takes six at most here: all
//! rings are looked at with one access, small pieces are written with one whatever their alignment, and the place of
//! the own offset is remembered. Must not: write to any word of a ring but the host's own offset.

use probe_rs::{Core, MemoryInterface};

/// Bytes of a descriptor: name, buffer, size, write offset, read offset, flags.
const DESCRIPTOR: u64 = 24;
/// Words of it.
const WORDS: usize = 6;
/// Where in it.
const BUFFER: usize = 1;
const SIZE: usize = 2;
const WRITE: usize = 3;
const READ: usize = 4;
/// Bytes of the control block before the descriptors: its name, and how many there are each way.
const HEADER: u64 = 24;
/// Up to here bytes are written one by one in a single access; beyond, words pay.
const SMALL: usize = 64;

/// Why nothing can be carried.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The rings are not what they were: the core has begun anew.
    Moved,
    /// The probe failed.
    Probe(probe_rs::Error),
}

impl From<probe_rs::Error> for Trouble {
    fn from(error: probe_rs::Error) -> Self {
        Self::Probe(error)
    }
}

/// The target's memory, as far as rings need it.
pub(super) trait Memory {
    fn words(&mut self, at: u64, into: &mut [u32]) -> Result<(), probe_rs::Error>;
    fn bytes(&mut self, at: u64, into: &mut [u8]) -> Result<(), probe_rs::Error>;
    fn put_word(&mut self, at: u64, word: u32) -> Result<(), probe_rs::Error>;
    fn put_bytes(&mut self, at: u64, bytes: &[u8]) -> Result<(), probe_rs::Error>;
}

impl Memory for Core<'_> {
    fn words(&mut self, at: u64, into: &mut [u32]) -> Result<(), probe_rs::Error> {
        self.read_32(at, into)
    }

    fn bytes(&mut self, at: u64, into: &mut [u8]) -> Result<(), probe_rs::Error> {
        self.read(at, into)
    }

    fn put_word(&mut self, at: u64, word: u32) -> Result<(), probe_rs::Error> {
        self.write_word_32(at, word)
    }

    fn put_bytes(&mut self, at: u64, bytes: &[u8]) -> Result<(), probe_rs::Error> {
        if bytes.len() <= SMALL {
            self.write_8(at, bytes)
        } else {
            self.write(at, bytes)
        }
    }
}

/// Which channels of a control block are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// Number of the up channel that is the link.
    pub(super) up: usize,
    /// Number of the down channel.
    pub(super) down: usize,
    /// Number of the up channel that is the log.
    pub(super) log: Option<usize>,
}

/// The rings in use.
#[derive(Debug)]
pub(super) struct Rings {
    /// The descriptors from the first to the last one in use, as they were found.
    at: u64,
    found: Vec<u32>,
    /// The same, as they were seen last.
    seen: Vec<u32>,
    pub(super) up: Ring,
    pub(super) down: Ring,
    pub(super) log: Option<Ring>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring {
    /// Its first word among those that are looked at.
    word: usize,
    at: u64,
    buffer: u64,
    size: u32,
    /// The host's own offset: where it reads, or writes, next.
    own: u32,
    /// That offset among the words.
    own_word: usize,
}

impl Rings {
    /// Finds the descriptors of a control block that is complete.
    pub(super) fn of(
        memory: &mut impl Memory,
        block: u64,
        chosen: Chosen,
    ) -> Result<Self, Trouble> {
        let mut counts = [0; 2];
        memory.words(block + 16, &mut counts)?;
        let ups = counts[0] as usize;
        let place = |index: usize| block + HEADER + DESCRIPTOR * index as u64;
        let down = ups + chosen.down;
        let indices = [Some(chosen.up), chosen.log, Some(down)];
        let first = indices.iter().flatten().copied().min().unwrap_or(0);
        let words = (down + 1 - first) * WORDS;
        let at = place(first);
        let mut found = vec![0; words];
        memory.words(at, &mut found)?;
        let ring = |index: usize, own: usize| {
            let word = (index - first) * WORDS;
            let ring = Ring {
                word,
                at: place(index),
                buffer: found[word + BUFFER].into(),
                size: found[word + SIZE],
                own: found[word + own],
                own_word: own,
            };
            (ring.size > 0 && ring.own < ring.size).then_some(ring)
        };
        let (Some(up), Some(to_agent)) = (ring(chosen.up, READ), ring(down, WRITE)) else {
            return Err(Trouble::Moved);
        };
        Ok(Self {
            at,
            up,
            down: to_agent,
            log: chosen.log.and_then(|index| ring(index, READ)),
            seen: found.clone(),
            found,
        })
    }

    /// Looks at all of them at once.
    pub(super) fn look(&mut self, memory: &mut impl Memory) -> Result<(), Trouble> {
        memory.words(self.at, &mut self.seen)?;
        let rings = [Some(self.up), Some(self.down), self.log];
        for ring in rings.into_iter().flatten() {
            let is_found =
                |word: usize| self.seen[ring.word + word] == self.found[ring.word + word];
            let (own, other) = (self.seen[ring.word + ring.own_word], self.other(ring));
            // Nobody but the start of an image changes any of these.
            if !is_found(BUFFER) || !is_found(SIZE) || own != ring.own || other >= ring.size {
                return Err(Trouble::Moved);
            }
        }
        Ok(())
    }

    /// The target's offset in it, as it was seen last.
    fn other(&self, ring: Ring) -> u32 {
        self.seen[ring.word + WRITE + READ - ring.own_word]
    }

    /// Room in the ring to the agent, as it was seen last: there may be more by now.
    pub(super) fn has_room(&self) -> bool {
        self.room() > 0
    }

    fn room(&self) -> u32 {
        let (write, read) = (self.down.own, self.other(self.down));
        // A ring that is full to the last byte would look empty.
        (read + self.down.size - write - 1) % self.down.size
    }

    /// Writes to the agent what there is room for; how much that was.
    pub(super) fn write(
        &mut self,
        memory: &mut impl Memory,
        bytes: &[u8],
    ) -> Result<usize, Trouble> {
        let ring = self.down;
        let count = bytes.len().min(self.room() as usize);
        if count == 0 {
            return Ok(0);
        }
        let to_end = count.min((ring.size - ring.own) as usize);
        memory.put_bytes(ring.buffer + u64::from(ring.own), &bytes[..to_end])?;
        if to_end < count {
            memory.put_bytes(ring.buffer, &bytes[to_end..count])?;
        }
        self.down.step(count);
        memory.put_word(self.down.own_at(), self.down.own)?;
        Ok(count)
    }

    /// Reads what an up ring had when it was seen last; how much that was. The target gets the room with
    /// [`Ring::give_back`].
    pub(super) fn read(
        &self,
        ring: Ring,
        memory: &mut impl Memory,
        into: &mut [u8],
    ) -> Result<usize, Trouble> {
        let (write, read) = (self.other(ring), ring.own);
        let there = (write + ring.size - read) % ring.size;
        let count = into.len().min(there as usize);
        if count == 0 {
            return Ok(0);
        }
        let to_end = count.min((ring.size - read) as usize);
        memory.bytes(ring.buffer + u64::from(read), &mut into[..to_end])?;
        if to_end < count {
            memory.bytes(ring.buffer, &mut into[to_end..count])?;
        }
        Ok(count)
    }
}

impl Ring {
    /// Gives the target the room of bytes that were read.
    pub(super) fn give_back(
        &mut self,
        memory: &mut impl Memory,
        count: usize,
    ) -> Result<(), Trouble> {
        self.step(count);
        Ok(memory.put_word(self.own_at(), self.own)?)
    }

    const fn own_at(&self) -> u64 {
        self.at + 4 * self.own_word as u64
    }

    fn step(&mut self, by: usize) {
        // Neither is more than the size, which is a u32.
        let by = u32::try_from(by).unwrap_or(0);
        self.own = (self.own + by) % self.size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A control block with two channels each way at 0x100: the log, the link; rings of 16 bytes from 0x200.
    struct Target {
        memory: Vec<u8>,
        accesses: usize,
    }

    const BLOCK: u64 = 0x100;
    const CHOSEN: Chosen = Chosen {
        up: 1,
        down: 1,
        log: Some(0),
    };

    impl Target {
        fn new() -> Self {
            let mut target = Self {
                memory: vec![0; 0x400],
                accesses: 0,
            };
            target.set(BLOCK + 16, 2);
            target.set(BLOCK + 20, 2);
            for index in 0..4 {
                let at = BLOCK + HEADER + DESCRIPTOR * index;
                target.set(at + 4, 0x200 + 0x20 * u32::try_from(index).expect("small"));
                target.set(at + 8, 16);
            }
            target
        }

        fn descriptor(index: u64) -> u64 {
            BLOCK + HEADER + DESCRIPTOR * index
        }

        fn set(&mut self, at: u64, word: u32) {
            let at = usize::try_from(at).expect("small");
            self.memory[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }

        fn get(&self, at: u64) -> u32 {
            let at = usize::try_from(at).expect("small");
            u32::from_le_bytes(self.memory[at..at + 4].try_into().expect("four"))
        }

        /// What the agent does.
        fn say(&mut self, index: u64, text: &[u8]) {
            let at = Self::descriptor(index);
            let (buffer, mut write) = (self.get(at + 4), self.get(at + 12));
            for byte in text {
                self.memory[(buffer + write) as usize] = *byte;
                write = (write + 1) % 16;
            }
            self.set(at + 12, write);
        }

        fn hear(&mut self, index: u64) -> Vec<u8> {
            let at = Self::descriptor(index);
            let (buffer, write, mut read) =
                (self.get(at + 4), self.get(at + 12), self.get(at + 16));
            let mut heard = Vec::new();
            while read != write {
                heard.push(self.memory[(buffer + read) as usize]);
                read = (read + 1) % 16;
            }
            self.set(at + 16, read);
            heard
        }
    }

    impl Memory for Target {
        fn words(&mut self, at: u64, into: &mut [u32]) -> Result<(), probe_rs::Error> {
            self.accesses += 1;
            for (index, word) in into.iter_mut().enumerate() {
                *word = self.get(at + 4 * index as u64);
            }
            Ok(())
        }

        fn bytes(&mut self, at: u64, into: &mut [u8]) -> Result<(), probe_rs::Error> {
            self.accesses += 1;
            let at = usize::try_from(at).expect("small");
            into.copy_from_slice(&self.memory[at..at + into.len()]);
            Ok(())
        }

        fn put_word(&mut self, at: u64, word: u32) -> Result<(), probe_rs::Error> {
            self.accesses += 1;
            self.set(at, word);
            Ok(())
        }

        fn put_bytes(&mut self, at: u64, bytes: &[u8]) -> Result<(), probe_rs::Error> {
            self.accesses += 1;
            let at = usize::try_from(at).expect("small");
            self.memory[at..at + bytes.len()].copy_from_slice(bytes);
            Ok(())
        }
    }

    fn read_all(rings: &mut Rings, target: &mut Target) -> Vec<u8> {
        let mut bytes = [0; 64];
        rings.look(target).expect("as before");
        let read = rings.read(rings.up, target, &mut bytes).expect("read");
        rings.up.give_back(target, read).expect("given back");
        bytes[..read].to_vec()
    }

    #[test]
    fn bytes_pass_both_ways_around_the_end_of_the_ring() {
        let mut target = Target::new();
        let mut rings = Rings::of(&mut target, BLOCK, CHOSEN).expect("complete");
        let mut expected: Vec<u8> = Vec::new();
        for round in 0..40_u8 {
            let text: Vec<u8> = (0..round % 16).collect();
            target.say(1, &text);
            assert_eq!(read_all(&mut rings, &mut target), text);
            let mut left = &text[..];
            expected.extend(&text);
            while !left.is_empty() {
                rings.look(&mut target).expect("as before");
                let written = rings.write(&mut target, left).expect("written");
                left = &left[written..];
                let heard = target.hear(3);
                assert_eq!(heard, expected.drain(..heard.len()).collect::<Vec<_>>());
            }
        }
        assert!(expected.is_empty());
    }

    #[test]
    fn a_full_ring_takes_nothing_and_forgets_nothing() {
        let mut target = Target::new();
        let mut rings = Rings::of(&mut target, BLOCK, CHOSEN).expect("complete");
        assert_eq!(rings.write(&mut target, &[7; 20]).expect("written"), 15);
        assert!(!rings.has_room());
        assert_eq!(rings.write(&mut target, &[8]).expect("full"), 0);
        assert_eq!(target.hear(3), [7; 15]);
        assert!(!rings.has_room(), "not known before the next look");
        rings.look(&mut target).expect("as before");
        assert!(rings.has_room());
    }

    #[test]
    fn a_ping_takes_few_accesses() {
        let mut target = Target::new();
        let mut rings = Rings::of(&mut target, BLOCK, CHOSEN).expect("complete");
        let before = target.accesses;
        rings.write(&mut target, b"ping!").expect("written");
        assert_eq!(target.accesses - before, 2, "bytes and offset");
        target.say(1, b"pong!");
        assert_eq!(read_all(&mut rings, &mut target), b"pong!");
        assert_eq!(target.accesses - before, 5, "a look, bytes and offset");
    }

    #[test]
    fn an_image_that_has_begun_anew_is_noticed() {
        let mut target = Target::new();
        let mut rings = Rings::of(&mut target, BLOCK, CHOSEN).expect("complete");
        rings.write(&mut target, b"x").expect("written");
        rings.look(&mut target).expect("as before");
        // Its start sets all offsets to zero.
        target.set(Target::descriptor(3) + 12, 0);
        assert!(matches!(rings.look(&mut target), Err(Trouble::Moved)));

        let mut target = Target::new();
        let mut rings = Rings::of(&mut target, BLOCK, CHOSEN).expect("complete");
        // Before that, its memory may be cleared.
        target.set(Target::descriptor(0) + 8, 0);
        assert!(matches!(rings.look(&mut target), Err(Trouble::Moved)));

        let mut target = Target::new();
        let mut rings = Rings::of(&mut target, BLOCK, CHOSEN).expect("complete");
        target.set(Target::descriptor(1) + 12, 16);
        assert!(
            matches!(rings.look(&mut target), Err(Trouble::Moved)),
            "beyond the end"
        );
    }

    #[test]
    fn rings_without_a_size_are_none() {
        let mut target = Target::new();
        target.set(Target::descriptor(1) + 8, 0);
        assert!(matches!(
            Rings::of(&mut target, BLOCK, CHOSEN),
            Err(Trouble::Moved)
        ));
    }
}
