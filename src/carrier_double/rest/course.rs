//! How a call goes in the carrier's hands: what it asks, what it tells, and the media between.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::broadcast::error::TryRecvError;
use trunkline_core::wire::twilio::form::{Form, encode};
use trunkline_core::wire::twilio::webhook::Status;

use super::super::instructions::Instructions;
use super::super::{Carrier, Event};
use super::road::{connect, post};
use super::{BookedCall, Books, Callee, Delivery, Room, Rung};

/// How the carrier writes a time in a callback: only its form matters here.
pub(super) fn date(unix_ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(unix_ms)
        .map(|time| time.format("%a, %d %b %Y %H:%M:%S +0000").to_string())
        .unwrap_or_default()
}

fn form(pairs: Vec<(&str, String)>) -> Form {
    let text = encode(pairs.iter().map(|(name, value)| (*name, value.as_str())));
    // A call's own facts are far below the bounds of a form.
    Form::parse(text.as_bytes()).unwrap_or_default()
}

fn facts(books: &Books, call: &BookedCall) -> Vec<(&'static str, String)> {
    let direction = if call.is_outbound {
        "outbound-api"
    } else {
        "inbound"
    };
    vec![
        ("AccountSid", books.setup.account_sid.clone()),
        ("ApiVersion", "2010-04-01".into()),
        ("CallSid", call.sid.clone()),
        ("CallStatus", call.status.word().into()),
        ("Called", call.to.clone()),
        ("Caller", call.from.clone()),
        ("Direction", direction.into()),
        ("From", call.from.clone()),
        ("FromCity", String::new()),
        ("To", call.to.clone()),
        ("ToCity", String::new()),
    ]
}

/// Changes a call unless it is over, and tells whoever wants to know. Whether it was not over.
pub(super) async fn turn(books: &Arc<Books>, sid: &str, status: Status) -> bool {
    let now_ms = books.now_ms();
    let (told, delivery) = {
        let mut open = books.lock();
        let delivery = open.delivery;
        let Some(call) = open.calls.get_mut(sid) else {
            return false;
        };
        // Whoever has picked up does not ring any more, however late that is told.
        let is_answered = call.status == Status::InProgress;
        if call.status.is_final() || is_answered && !status.is_final() {
            return false;
        }
        call.status = status;
        if status == Status::InProgress {
            call.answered_ms = Some(now_ms);
        }
        if status.is_final() {
            call.ended_ms = Some(now_ms);
        }
        let mut pairs = facts(books, call);
        pairs.push(("CallbackSource", "call-progress-events".into()));
        pairs.push(("Timestamp", date(now_ms)));
        pairs.push(("SequenceNumber", call.sequence.to_string()));
        call.sequence += 1;
        if status.is_final() {
            let lasted = call.answered_ms.map_or(0, |at| (now_ms - at) / 1_000);
            pairs.push(("CallDuration", lasted.to_string()));
            pairs.push(("SipResponseCode", "200".into()));
        }
        let is_wanted = call.events.iter().any(|event| event == event_of(status));
        let told = call.status_url.clone().filter(|_| is_wanted);
        (told.map(|url| (url, form(pairs))), delivery)
    };
    if let Some((url, form)) = told {
        deliver(books, sid, url, form, delivery, status.is_final()).await;
    }
    if status.is_final() {
        if let Some(call) = books.lock().calls.get_mut(sid) {
            call.status_url = None;
        }
        books.told.send_replace(());
        leave(books, sid);
        part(books, sid, status);
    }
    true
}

/// What Twilio calls the event that a call turned so: every end is `completed`.
fn event_of(status: Status) -> &'static str {
    match status {
        Status::Queued => "queued",
        Status::Initiated => "initiated",
        Status::Ringing => "ringing",
        Status::InProgress => "answered",
        Status::Completed | Status::Busy | Status::Failed | Status::NoAnswer | Status::Canceled => {
            "completed"
        }
    }
}

async fn deliver(
    books: &Books,
    sid: &str,
    url: String,
    form: Form,
    delivery: Delivery,
    is_last: bool,
) {
    let times = match delivery {
        Delivery::InOrder => 1,
        Delivery::Twice => 2,
        Delivery::Lost => 0,
        Delivery::LateAndReversed => {
            let ours = hold(books, (sid.to_owned(), url, form), is_last);
            for (_, url, form) in ours.iter().rev() {
                post(books, url, form).await;
                post(books, url, form).await;
            }
            return;
        }
    };
    for _ in 0..times {
        post(books, &url, &form).await;
    }
}

/// Keeps a webhook until its call is over; all of that call's then.
fn hold(
    books: &Books,
    webhook: (String, String, Form),
    is_last: bool,
) -> Vec<(String, String, Form)> {
    let sid = webhook.0.clone();
    let mut open = books.lock();
    open.held.push(webhook);
    if !is_last {
        return Vec::new();
    }
    let held = std::mem::take(&mut open.held);
    let (ours, others) = held.into_iter().partition(|(of, _, _)| *of == sid);
    open.held = others;
    ours
}

/// Asks what to do with a call.
async fn instructions(books: &Books, url: &str, sid: &str) -> Result<Instructions, String> {
    instructions_with(books, url, sid, Vec::new()).await
}

/// The same, telling more of it.
async fn instructions_with(
    books: &Books,
    url: &str,
    sid: &str,
    more: Vec<(&'static str, String)>,
) -> Result<Instructions, String> {
    let pairs = books.lock().calls.get(sid).map(|call| facts(books, call));
    let mut pairs = pairs.unwrap_or_default();
    pairs.extend(more);
    let asked = form(pairs);
    match post(books, url, &asked).await {
        Some((200, twiml)) => Instructions::read(&twiml).map_err(|error| error.to_string()),
        Some((status, _)) => Err(format!("the server answered {status}")),
        None => Err("the server did not answer".into()),
    }
}

/// Opens the media of a call; `None` if it has none, or the server does not let it in.
async fn stream(books: &Arc<Books>, sid: &str, told: &Instructions) -> Option<Carrier> {
    let Instructions::Stream {
        url,
        parameters,
        status_url,
        ..
    } = told
    else {
        return None;
    };
    let line = connect(books, sid, url, parameters).await?;
    if let Some(call) = books.lock().calls.get_mut(sid) {
        call.media = Some(line.hanger());
    }
    if let Some(url) = status_url {
        tell_stream(books, url, sid, "stream-started").await;
    }
    Some(line)
}

/// Once the media ends: what comes after it is asked, and the call's end told.
fn follow(books: &Arc<Books>, sid: &str, line: &Carrier, stream: Instructions) {
    let (mut events, mut state) = (line.events(), line.state.clone());
    let (books, sid) = (Arc::clone(books), sid.to_owned());
    tokio::spawn(async move {
        while !state.borrow().over && state.changed().await.is_ok() {}
        let mut is_closed_here = false;
        loop {
            match events.try_recv() {
                Ok(Event::ServerClosed { .. }) => is_closed_here = true,
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let redirected = {
            let mut open = books.lock();
            open.calls.get_mut(&sid).and_then(|call| {
                call.media = None;
                call.redirected.take()
            })
        };
        let Instructions::Stream {
            action, status_url, ..
        } = stream
        else {
            return;
        };
        if let Some(url) = status_url {
            tell_stream(&books, &url, &sid, "stream-stopped").await;
        }
        if let Some(told) = redirected {
            return carry_on(books, sid, told).await;
        }
        let told = match action {
            Some(action) => instructions(&books, &action, &sid).await,
            None => Ok(Instructions::HangUp),
        };
        // A caller who has hung up is told nothing more.
        let told = told.ok().filter(|_| is_closed_here);
        carry_on(books, sid, told.unwrap_or(Instructions::HangUp)).await;
    });
}

/// Does what a call is told to do next, once it is answered.
fn carry_on(books: Arc<Books>, sid: String, told: Instructions) -> BoxFuture<'static, ()> {
    async move {
        let is_over = books
            .lock()
            .calls
            .get(&sid)
            .is_none_or(|call| call.status.is_final());
        if is_over {
            return;
        }
        match told {
            Instructions::Stream { .. } => match stream(&books, &sid, &told).await {
                Some(line) => {
                    follow(&books, &sid, &line, told);
                    // Nobody may want the line: it is hung up then.
                    let _ = books.lines.send((sid, line)).await;
                }
                None => {
                    turn(&books, &sid, Status::Completed).await;
                }
            },
            Instructions::Conference {
                name,
                starts,
                ends,
                action,
            } => {
                if let Some(call) = books.lock().calls.get_mut(&sid) {
                    call.room = Some(Room {
                        name,
                        starts,
                        ends,
                        action,
                    });
                }
                books.told.send_replace(());
            }
            Instructions::Dial { .. } => send(books, sid, told),
            Instructions::Say(text) => {
                if let Some(call) = books.lock().calls.get_mut(&sid) {
                    call.said = Some(text);
                }
                turn(&books, &sid, Status::Completed).await;
            }
            Instructions::Reject(_) | Instructions::Gather { .. } | Instructions::HangUp => {
                turn(&books, &sid, Status::Completed).await;
            }
        }
    }
    .boxed()
}

/// A call leaves its room, and closes it for the others if it was made so: they are told what to do next.
fn leave(books: &Arc<Books>, sid: &str) {
    let others: Vec<(String, Option<String>)> = {
        let mut open = books.lock();
        let left = open.calls.get_mut(sid).and_then(|call| call.room.take());
        let Some(left) = left.filter(|room| room.ends) else {
            return;
        };
        let calls = open.calls.values_mut();
        let mut inside =
            calls.filter(|call| call.room.as_ref().is_some_and(|r| r.name == left.name));
        std::iter::from_fn(|| {
            let call = inside.next()?;
            let action = call.room.take().and_then(|room| room.action);
            Some((call.sid.clone(), action))
        })
        .collect()
    };
    for (sid, action) in others {
        tokio::spawn(after_dial(Arc::clone(books), sid, action, Vec::new()));
    }
}

/// What comes after a room, or after another call that this one was sent to.
async fn after_dial(
    books: Arc<Books>,
    sid: String,
    action: Option<String>,
    more: Vec<(&'static str, String)>,
) {
    let told = match action {
        Some(action) => instructions_with(&books, &action, &sid, more).await,
        None => Ok(Instructions::HangUp),
    };
    carry_on(books, sid, told.unwrap_or(Instructions::HangUp)).await;
}

/// Of two calls of which one was sent to the other, one is over.
fn part(books: &Arc<Books>, sid: &str, status: Status) {
    let (parent, children) = {
        let open = books.lock();
        let parent = open.calls.get(sid).and_then(|call| call.parent.clone());
        let is_child = |call: &&BookedCall| {
            call.parent.as_ref().is_some_and(|(of, _)| of == sid) && !call.status.is_final()
        };
        let children: Vec<String> = open
            .calls
            .values()
            .filter(is_child)
            .map(|call| call.sid.clone())
            .collect();
        (parent, children)
    };
    if let Some((parent, action)) = parent {
        let more = vec![
            ("DialCallSid", sid.to_owned()),
            ("DialCallStatus", status.word().to_owned()),
        ];
        tokio::spawn(after_dial(Arc::clone(books), parent, action, more));
    }
    for child in children {
        let books = Arc::clone(books);
        tokio::spawn(async move { end(&books, &child).await });
    }
}

/// Sends a call to another number.
fn send(books: Arc<Books>, sid: String, told: Instructions) {
    let Instructions::Dial {
        number,
        caller_id,
        ring_s,
        action,
        status_url,
        events,
    } = told
    else {
        return;
    };
    let child = books.sid("CA");
    let call = BookedCall {
        status_url,
        events,
        parent: Some((sid, action)),
        ..BookedCall::new(child.clone(), &caller_id, &number, books.now_ms())
    };
    let callee = {
        let mut open = books.lock();
        open.calls.insert(child.clone(), call);
        open.callee
    };
    tokio::spawn(async move {
        let rings = Arc::clone(&books);
        dial(rings, child.clone(), callee).await;
        tokio::time::sleep(Duration::from_secs(ring_s)).await;
        let status = books.lock().calls.get(&child).map(|call| call.status);
        if status == Some(Status::Ringing) {
            turn(&books, &child, Status::NoAnswer).await;
        }
    });
}

/// Gives a call that is answered something else to do; `false` if there is no such call.
pub(super) async fn redirect(books: &Arc<Books>, sid: &str, told: Instructions) -> bool {
    let media = {
        let mut open = books.lock();
        let is_live = |call: &&mut BookedCall| call.status == Status::InProgress;
        let Some(call) = open.calls.get_mut(sid).filter(is_live) else {
            return false;
        };
        if call.media.is_some() {
            call.redirected = Some(told.clone());
        }
        call.media.clone()
    };
    match media {
        // It goes on once the media has stopped.
        Some(media) => media.hang_up().await,
        None => {
            leave(books, sid);
            tokio::spawn(carry_on(Arc::clone(books), sid.to_owned(), told));
        }
    }
    true
}

async fn tell_stream(books: &Books, url: &str, sid: &str, event: &str) {
    let pairs = vec![
        ("AccountSid", books.setup.account_sid.clone()),
        ("CallSid", sid.to_owned()),
        ("StreamSid", books.sid("MZ")),
        ("StreamEvent", event.to_owned()),
    ];
    post(books, url, &form(pairs)).await;
}

/// A stranger's call to one of the account's numbers.
pub(super) async fn ring(books: &Arc<Books>, from: &str, to: &str) -> Rung {
    let number = books.setup.numbers.iter().find(|own| own.number == to);
    let Some(number) = number.filter(|own| !own.voice_url.is_empty()) else {
        return Rung::Dropped("the number has no voice URL".into());
    };
    let sid = books.sid("CA");
    let call = BookedCall {
        status: Status::Ringing,
        is_outbound: false,
        status_url: Some(number.status_url.clone()).filter(|url| !url.is_empty()),
        // Of a call that came in, only the end is told.
        events: vec![event_of(Status::Completed).into()],
        ..BookedCall::new(sid.clone(), from, to, books.now_ms())
    };
    books.lock().calls.insert(sid.clone(), call);
    let told = instructions(books, &number.voice_url, &sid).await;
    taken(books, sid, told).await
}

/// A caller who was asked for keys presses these, and `#`.
pub(super) async fn press(books: &Arc<Books>, sid: &str, action: &str, keys: &str) -> Rung {
    let more = vec![("Digits", keys.to_owned()), ("FinishedOnKey", "#".into())];
    let told = instructions_with(books, action, sid, more).await;
    taken(books, sid.to_owned(), told).await
}

/// What becomes of a call that came in, by what the server says.
async fn taken(books: &Arc<Books>, sid: String, told: Result<Instructions, String>) -> Rung {
    let told = match told {
        Ok(told) => told,
        Err(why) => {
            turn(books, &sid, Status::Failed).await;
            return Rung::Dropped(why);
        }
    };
    match told {
        Instructions::Stream { ref action, .. } => {
            turn(books, &sid, Status::InProgress).await;
            if let Some(line) = stream(books, &sid, &told).await {
                follow(books, &sid, &line, told);
                return Rung::Line(Box::new(line));
            }
            let after = match action {
                Some(action) => instructions(books, action, &sid).await,
                None => Ok(Instructions::HangUp),
            };
            turn(books, &sid, Status::Completed).await;
            match after {
                Ok(Instructions::Say(text)) => Rung::Said(text),
                Ok(_) => Rung::Dropped("the media socket was refused".into()),
                Err(why) => Rung::Dropped(why),
            }
        }
        Instructions::Reject(reason) => {
            turn(books, &sid, Status::Busy).await;
            Rung::Rejected(reason)
        }
        Instructions::Say(text) => {
            turn(books, &sid, Status::Completed).await;
            Rung::Said(text)
        }
        Instructions::Gather { ask, action } => {
            turn(books, &sid, Status::InProgress).await;
            let words = ask;
            Rung::Asked { sid, words, action }
        }
        Instructions::HangUp => {
            turn(books, &sid, Status::Completed).await;
            Rung::Dropped("the server hung up".into())
        }
        told @ (Instructions::Conference { .. } | Instructions::Dial { .. }) => {
            turn(books, &sid, Status::InProgress).await;
            carry_on(Arc::clone(books), sid, told).await;
            Rung::Dropped("the call was led elsewhere".into())
        }
    }
}

/// A call of the account's own, from the queue to its end.
pub(super) async fn dial(books: Arc<Books>, sid: String, callee: Callee) {
    turn(&books, &sid, Status::Initiated).await;
    turn(&books, &sid, Status::Ringing).await;
    let over = match callee {
        Callee::Waits => return,
        Callee::Answers => return pick_up(books, sid).await,
        Callee::Busy => Status::Busy,
        Callee::Away => Status::NoAnswer,
        Callee::Unreachable => Status::Failed,
    };
    turn(&books, &sid, over).await;
}

/// Somebody answers a call that rings.
pub(super) async fn pick_up(books: Arc<Books>, sid: String) {
    if !turn(&books, &sid, Status::InProgress).await {
        return;
    }
    let call = books.lock().calls.get(&sid).cloned();
    if call.as_ref().is_some_and(|call| call.parent.is_some()) {
        // The two talk.
        return;
    }
    let answer_url = call.map(|call| call.answer_url).unwrap_or_default();
    let told = instructions(&books, &answer_url, &sid).await;
    let Ok(told) = told else {
        turn(&books, &sid, Status::Failed).await;
        return;
    };
    carry_on(books, sid, told).await;
}

/// Somebody answers a call that rings, of which it is known what it does.
pub(super) async fn pick_up_with(books: &Arc<Books>, sid: &str, twiml: &str) {
    if turn(books, sid, Status::InProgress).await {
        let told = Instructions::read(twiml).unwrap_or(Instructions::HangUp);
        carry_on(Arc::clone(books), sid.to_owned(), told).await;
    }
}

/// Ends a call by order of its owner; `false` if it was over.
pub(super) async fn end(books: &Arc<Books>, sid: &str) -> bool {
    let (media, status) = {
        let open = books.lock();
        let Some(call) = open.calls.get(sid).filter(|call| !call.status.is_final()) else {
            return false;
        };
        let answered = call.status == Status::InProgress;
        let status = if answered {
            Status::Completed
        } else {
            Status::Canceled
        };
        (call.media.clone(), status)
    };
    match media {
        // Its end is told once the media has stopped.
        Some(media) => media.hang_up().await,
        None => {
            turn(books, sid, status).await;
        }
    }
    true
}
