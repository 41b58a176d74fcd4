//! The line that people call to be called no more. Whoever calls it from a number that is shown is suppressed before they hear
//! so; whoever withholds theirs is asked to key it in. Nobody is busy here, whatever else the server has to do.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use trunkline_core::language::Language;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::wire::twilio::twiml::{self, Gather};
use trunkline_core::wire::twilio::webhook::VoiceRequest;

use super::door::Visit;
use super::voice::{sorry, xml};
use super::{Addresses, TRY};
use crate::app::App;
use crate::carrier::account::Account;
use crate::clock;
use crate::desk;
use crate::ids::new_id;
use crate::inbound::{Answering, NotOpened, business};
use crate::store::suppressions::{NewSuppression, Reason};

/// How often a caller may key in a number.
const TRIES_MAX: u32 = 3;
/// Where it came from, as a suppression's source says it.
const SOURCE: &str = "opt_out_line";

/// What a caller of the line hears.
pub(super) async fn take(
    app: &App,
    account: &Account,
    call: &VoiceRequest,
    answering: &Answering,
) -> String {
    match &call.from {
        Some(caller) => {
            let caller = std::slice::from_ref(caller);
            opt_out(app, account, answering.language(), caller).await
        }
        None => ask(app, account, answering.language(), 1),
    }
}

/// `POST …/opt-out`: a caller who withholds their number has keyed one in.
pub(super) async fn keyed(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Ok(call) = VoiceRequest::read(&visit.form) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let account = &visit.account;
    let Some(to) = &call.to else {
        return xml(twiml::hang_up());
    };
    let index = app.desk.own_number_index(to);
    let answering = match app.desk.store.system().number_called(&index).await {
        Ok(Some(number)) if number.client == account.client => {
            let sealed = number.answering.as_ref();
            Answering::open(&account.keys, &number.id, sealed).map_err(|_| "store")
        }
        // It was taken away meanwhile.
        Ok(_) => return xml(twiml::hang_up()),
        Err(_) => Err("store"),
    };
    let language = match answering {
        Ok(answering) if answering.opt_out_line => answering.language(),
        Ok(_) => return xml(twiml::hang_up()),
        Err(why) => return xml(sorry(why)),
    };
    let tried = visit.query.first(TRY).and_then(|tried| tried.parse().ok());
    let tried: u32 = tried.unwrap_or(TRIES_MAX);
    let keys = visit.form.first("Digits").unwrap_or_default();
    let numbers = numbers(keys, to);
    xml(match numbers.is_empty() {
        false => opt_out(&app, account, language, &numbers).await,
        true if tried < TRIES_MAX => ask(&app, account, language, tried + 1),
        true => {
            let texts = (&language.line().nothing, &language.transfer().locale);
            twiml::say_and_hang_up(texts.0, texts.1)
        }
    })
}

/// What people may mean who key in a number: its country code first, perhaps behind what is dialled before it from abroad; and
/// in North America, where a number of ten digits may be one of another country or one of theirs, both.
fn numbers(keys: &str, line: &PhoneNumber) -> Vec<PhoneNumber> {
    let keys = keys.trim().trim_start_matches('*');
    let is_american = line.as_str().starts_with("+1");
    let abroad = keys
        .strip_prefix("011")
        .filter(|_| is_american)
        .or_else(|| keys.strip_prefix("00"));
    let is_short =
        is_american && keys.len() == 10 && keys.starts_with(|c| ('2'..='9').contains(&c));
    let own = is_short.then(|| format!("+1{keys}"));
    let read = [Some(format!("+{}", abroad.unwrap_or(keys))), own];
    let read = read.into_iter().flatten();
    read.filter_map(|text| PhoneNumber::parse(&text).ok())
        .collect()
}

/// Asks for the number: again, if what was keyed in is none.
fn ask(app: &App, account: &Account, language: Language, tried: u32) -> String {
    let (texts, locale) = (language.line(), &language.transfer().locale);
    let again = format!("{} {}", texts.unread, texts.withheld);
    twiml::gather(&Gather {
        ask: if tried == 1 { &texts.withheld } else { &again },
        nothing: &texts.nothing,
        language: locale,
        action: &Addresses::new(&app.public_url, &account.id).opt_out(tried),
    })
}

/// Suppresses what may be meant, and only then says so.
async fn opt_out(
    app: &App,
    account: &Account,
    language: Language,
    numbers: &[PhoneNumber],
) -> String {
    let done = async {
        for number in numbers {
            let new = NewSuppression {
                id: new_id("sup"),
                campaign_id: None,
                hash: desk::suppression_index(&account.keys, number),
                reason: Reason::OptOut.as_str().to_owned(),
                source: SOURCE.to_owned(),
                call_id: None,
                created_ms: clock::unix_ms(),
            };
            let suppressions = app.desk.store.suppressions();
            suppressions.add(&account.client, &new).await?;
        }
        business(&app.desk, &account.keys).await
    };
    match done.await {
        Ok(business) => {
            twiml::say_and_hang_up(&language.opted_out(&business), &language.transfer().locale)
        }
        Err::<_, NotOpened>(error) => {
            tracing::error!(client = %account.client, %error, "an opt-out by telephone was not confirmed");
            sorry("store")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_a_number_with_its_country_code_or_one_of_the_lines_own() {
        let (american, german) = ("+15005550006", "+4930555012");
        for (line, keys, expected) in [
            (american, "15550100123", &["+15550100123"][..]),
            (american, "01115550100123", &["+15550100123"]),
            (american, "011493055501234", &["+493055501234"]),
            (american, "4155550177", &["+4155550177", "+14155550177"]),
            (american, "1155550177", &["+1155550177"]),
            (german, "4155550177", &["+4155550177"]),
            (german, "0015550100123", &["+15550100123"]),
            (german, "*493055501234", &["+493055501234"]),
            (german, "03055501234", &[]),
            (german, "911", &[]),
            (american, "1555*0100123", &[]),
            (american, "", &[]),
        ] {
            let line = PhoneNumber::parse(line).unwrap();
            let found = numbers(keys, &line);
            let found: Vec<&str> = found.iter().map(PhoneNumber::as_str).collect();
            assert_eq!(found, expected, "{keys}");
        }
    }
}
