//! A short search with the bodies of the fuzz targets (`target-fw/protocol/fuzz`).

#[path = "../../protocol/fuzz/bodies.rs"]
mod bodies;

use proptest::prelude::*;

proptest! {
    #[test]
    fn towards_the_agent(data in prop::collection::vec(any::<u8>(), 0..2000)) {
        bodies::towards_the_agent(&data);
    }

    /// Small numbers make requests that decode and name things that exist.
    #[test]
    fn towards_the_agent_in_good_frames(
        pieces in prop::collection::vec(prop::collection::vec(0_u8..40, 2..24), 0..60)
    ) {
        let framed = pieces.into_iter().flat_map(|piece| {
            let head = u8::try_from(piece.len()).unwrap() << 1 | 1;
            [vec![head], piece].concat()
        });
        bodies::towards_the_agent(&framed.collect::<Vec<u8>>());
    }

    #[test]
    fn from_an_agent(data in prop::collection::vec(any::<u8>(), 0..2000)) {
        bodies::from_an_agent(&data);
    }
}
