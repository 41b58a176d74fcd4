//! What a call takes, it gives back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use super::rig::{House, speech};

struct Counting;

thread_local! {
    /// Bytes that this thread took and did not give back. A test with a paused clock runs on one thread.
    static HELD: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: usize, sign: i64) {
    let bytes = i64::try_from(bytes).unwrap_or(0);
    // Threads that end give back what they hold when they hold nothing of ours any more.
    let _ = HELD.try_with(|held| held.set(held.get() + sign * bytes));
}

#[expect(
    unsafe_code,
    reason = "a global allocator is unsafe to implement; this one only counts"
)]
// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), -1);
        count(size, 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Calls that interrupt the agent, answer it and hear its goodbye.
async fn hold(house: &House, calls: usize) {
    for _ in 0..calls {
        let mut call = house.call("talker").await;
        call.wait_agent_speaking_ms(4_500).await.unwrap();
        call.speak(speech("Please, on Monday.")).await.unwrap();
        call.wait_until_over().await;
        call.finish().await.unwrap();
        assert!(house.is_empty_within(5_000).await);
    }
}

/// Peers 7: memory that is never released.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_over_holds_nothing() {
    let house = House::open().await;
    hold(&house, 8).await;
    let before = HELD.get();
    hold(&house, 32).await;
    let each = (HELD.get() - before) / 32;
    println!("{each} bytes are kept of a call");
    // That its token is spent is remembered until it expires.
    assert!(each < 1_000, "{each} bytes are kept of a call");
}
