//! How a call goes in the carrier's hands: what it asks, what it tells, and the media between.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use trunkline_core::wire::twilio::form::{Form, encode};
use trunkline_core::wire::twilio::webhook::Status;

use super::super::Carrier;
use super::super::instructions::Instructions;
use super::road::{connect, post};
use super::{BookedCall, Books, Callee, Delivery, Rung};

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
async fn turn(books: &Arc<Books>, sid: &str, status: Status) -> bool {
    let now_ms = books.now_ms();
    let (told, delivery) = {
        let mut open = books.lock();
        let delivery = open.delivery;
        let Some(call) = open.calls.get_mut(sid) else {
            return false;
        };
        if call.status.is_final() {
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
    if status.is_final()
        && let Some(call) = books.lock().calls.get_mut(sid)
    {
        call.status_url = None;
        books.told.send_replace(());
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
    let pairs = books.lock().calls.get(sid).map(|call| facts(books, call));
    let asked = form(pairs.unwrap_or_default());
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
    let mut events = line.events();
    let (books, sid) = (Arc::clone(books), sid.to_owned());
    tokio::spawn(async move {
        while !matches!(events.recv().await, Err(RecvError::Closed)) {}
        let Instructions::Stream {
            action, status_url, ..
        } = stream
        else {
            return;
        };
        if let Some(url) = status_url {
            tell_stream(&books, &url, &sid, "stream-stopped").await;
        }
        if let Some(action) = action {
            // Whatever it says, this carrier's callers have hung up by now.
            let _ = instructions(&books, &action, &sid).await;
        }
        turn(&books, &sid, Status::Completed).await;
    });
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
        sid: sid.clone(),
        from: from.to_owned(),
        to: to.to_owned(),
        status: Status::Ringing,
        is_outbound: false,
        created_ms: books.now_ms(),
        answered_ms: None,
        ended_ms: None,
        status_url: Some(number.status_url.clone()).filter(|url| !url.is_empty()),
        answer_url: String::new(),
        // Of a call that came in, only the end is told.
        events: vec![event_of(Status::Completed).into()],
        sequence: 0,
        media: None,
        amd_url: None,
    };
    books.lock().calls.insert(sid.clone(), call);
    let told = match instructions(books, &number.voice_url, &sid).await {
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
        Instructions::HangUp => {
            turn(books, &sid, Status::Completed).await;
            Rung::Dropped("the server hung up".into())
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
    let answer_url = call.map(|call| call.answer_url).unwrap_or_default();
    let told = instructions(&books, &answer_url, &sid).await;
    let Ok(told) = told else {
        turn(&books, &sid, Status::Failed).await;
        return;
    };
    match stream(&books, &sid, &told).await {
        Some(line) => {
            follow(&books, &sid, &line, told);
            // Nobody may want the line: it is hung up then.
            let _ = books.lines.send((sid, line)).await;
        }
        None => {
            turn(&books, &sid, Status::Completed).await;
        }
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
