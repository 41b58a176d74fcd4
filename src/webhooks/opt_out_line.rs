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
        Some(caller) => opt_out(app, account, answering.language(), caller).await,
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
    xml(match number(keys) {
        Some(number) => opt_out(&app, account, language, &number).await,
        None if tried < TRIES_MAX => ask(&app, account, language, tried + 1),
        None => {
            let texts = (&language.line().nothing, &language.transfer().locale);
            twiml::say_and_hang_up(texts.0, texts.1)
        }
    })
}

/// A number as people key it in: its country code first, perhaps with the zeros that are dialled before it from abroad.
fn number(keys: &str) -> Option<PhoneNumber> {
    let keys = keys.trim().trim_start_matches('*');
    let digits = keys.strip_prefix("00").unwrap_or(keys);
    PhoneNumber::parse(&format!("+{digits}")).ok()
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

/// Suppresses a number, and only then says so.
async fn opt_out(app: &App, account: &Account, language: Language, number: &PhoneNumber) -> String {
    let new = NewSuppression {
        id: new_id("sup"),
        campaign_id: None,
        hash: desk::suppression_index(&account.keys, number),
        reason: Reason::OptOut.as_str().to_owned(),
        source: SOURCE.to_owned(),
        call_id: None,
        created_ms: clock::unix_ms(),
    };
    let done = async {
        let suppressions = app.desk.store.suppressions();
        suppressions.add(&account.client, &new).await?;
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
    fn keys_are_a_number_with_its_country_code() {
        for (keys, expected) in [
            ("15550100123", Some("+15550100123")),
            ("0015550100123", Some("+15550100123")),
            ("*15550100123", Some("+15550100123")),
            ("4915550100123", Some("+4915550100123")),
            ("05550100123", None),
            ("911", None),
            ("1555*0100123", None),
            ("", None),
        ] {
            let expected = expected.map(|text| PhoneNumber::parse(text).unwrap());
            assert_eq!(number(keys), expected, "{keys}");
        }
    }
}
