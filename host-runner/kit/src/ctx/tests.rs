//! What a context does beside sockets: restarting the board.

use nsapi_protocol::{Answer, Hello};

use super::*;
use crate::fake::{Does, agent, context_with, greeted, hello, usual};

/// An agent that answers a restart with this code, and then has the next of these boot numbers.
async fn restarting(code: i32, boots: impl Iterator<Item = u32> + Send + 'static) -> Ctx {
    let mut boots = boots;
    let mut boot = 7;
    let link = agent(move |op| match *op {
        Op::Restart => {
            boot = boots.next().unwrap_or(boot);
            Does::Answers(Answer::Code(code))
        }
        Op::Hello { nonce, .. } => Does::Answers(Answer::Hello(Hello {
            boot,
            ..hello(nonce)
        })),
        _ => usual(op),
    });
    let (dut, identity) = greeted(link).await.unwrap();
    context_with(dut, identity)
}

#[tokio::test]
async fn a_restart_is_another_boot_of_the_same_board() {
    let cx = restarting(0, 8..).await;
    cx.restart().await.unwrap();
    assert_eq!(cx.dut().identity().boot, 8);
    cx.restart().await.unwrap();
    assert_eq!(cx.dut().identity().boot, 9);
    assert!(cx.state.interface_changed.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_board_that_does_not_restart_is_noticed() {
    let cx = restarting(0, core::iter::empty()).await;
    let Err(Stop::Trouble(trouble)) = cx.restart().await else {
        panic!("it is the same boot");
    };
    assert!(
        trouble.to_string().contains("has not been reset"),
        "{trouble}"
    );
    let cx = restarting(Error::UNSUPPORTED.code(), core::iter::empty()).await;
    assert!(matches!(cx.restart().await, Err(Stop::Skip(_))));
}
