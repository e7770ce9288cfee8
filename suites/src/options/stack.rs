//! Options of the stack itself: the largest packets it takes.

use hil_kit::{Ctx, Done, Error, Fails, Matches as _, Outcome, case, option};

/// Number of the option for IPv4 and the least a stack must take (RFC 1122 §3.3.2).
const IPV4_MRU: (i32, u32) = (0, 576);
/// The same for IPv6 (RFC 8200 §5).
const IPV6_MRU: (i32, u32) = (1, 1280);
/// A number that the header does not know.
const NO_SUCH_OPTION: i32 = 999;

/// The largest receivable packet can be read and set to what it is, or is UNSUPPORTED; other options of the stack
/// are UNSUPPORTED in any case, and options of sockets are none of the stack.
///
/// A value that is read has 4 bytes and is no smaller than the family allows.
#[case(level = Must, cite = ["options.stack.mru", "OPT-18"], needs = [Udp], profile = Quick)]
async fn mru(cx: &mut Ctx) -> Outcome {
    let level = option::LEVEL_STACK;
    let unsupported = Fails(Error::UNSUPPORTED);
    let optional = "contract §9: the default stack has no options";

    for (name, least) in [IPV4_MRU, IPV6_MRU] {
        let got = cx.get_stack_option(level, name, 8).await?;
        if got.failed_with(Error::UNSUPPORTED) {
            let value = least.to_le_bytes();
            let set = cx.set_stack_option(level, name, &value).await?;
            set.expect(Done.or(unsupported, optional))?;
            continue;
        }
        let value = <[u8; 4]>::try_from(got.data()).map(u32::from_le_bytes);
        let holds = got.code() == 4 && value.is_ok_and(|value| value >= least);
        let observed = hil_kit::text::received(got.code(), got.data());
        cx.require(holds, "mru", format!("4 bytes, {least} or more"), observed)?;

        let value = got.data();
        let set = cx.set_stack_option(level, name, value).await?;
        if set.expect(Done.or(unsupported, optional))?.code() == 0 {
            let again = cx.get_stack_option(level, name, 8).await?;
            again.expect(hil_kit::Bytes(value))?;
        }
    }

    for (level, name) in [
        (level, NO_SUCH_OPTION),
        (option::LEVEL_SOCKET, option::REUSEADDR),
    ] {
        let value = 1_i32.to_le_bytes();
        let set = cx.set_stack_option(level, name, &value).await?;
        set.expect(unsupported)?;
        let got = cx.get_stack_option(level, name, 4).await?;
        got.expect(unsupported)?;
    }
    Ok(())
}
