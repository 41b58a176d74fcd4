#!/bin/sh
# Takes one guard at a time out of the conversation, the recorder and the account of providers, and shows which tests
# notice. A mutant that nobody notices is a test that is missing: the script then fails. Works on a copy; some minutes, or
# fewer for the mutants alone whose names or files match a pattern: `tests/mutate.sh 'guess|failover'`.
set -eu
cd "$(dirname "$0")/.."
only=${1:-.}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z Cargo.toml Cargo.lock src/core media tests/scenarios tests/fuzz fixtures | xargs -0 cp --parents -t "$copy"
mkdir -p "$copy/src" && echo 'fn main() {}' >"$copy/src/main.rs"
# The copy is the pure crates alone.
sed -i -e 's/^members = .*/members = ["src\/core"]/' -e '/^default-members/d' -e '/^\[package\]/,/^\[profile/{/^\[profile/!d}' "$copy/Cargo.toml"
CARGO_TARGET_DIR=${MUTANTS_TARGET:-$copy/target}
export CARGO_TARGET_DIR WALK_EVENTS=200000
missed=0

# tests TARGET... -- FILTER...: true if the tests fail; stops the script if they are not built.
tests() {
    (cd "$copy" && cargo test -q -p trunkline-core "$@" >"$copy/log" 2>&1) && return 1
    grep -q '^test result: FAILED' "$copy/log" || { cat "$copy/log"; echo "mutant '$name' does not build"; exit 2; }
}

# Who notices in the conversation: the scenarios, and the random walk.
conversation() {
    tests --test conversations -- every_scenario nothing_that_happens no_person_is_hung || return 0
    by=$(sed -n 's/^\([0-9]* scenarios\) differ.*/\1/p' "$copy/log")
    walk=$(sed -n 's/^seed [0-9]*: //p' "$copy/log" | head -n 1 | cut -c1-70)
    by="$by${walk:+ walk ($walk)}"
}

# Who notices in what is kept: random walks of call, gate, recorder and journal, and the tests beside the code.
kept() {
    ! tests --test conversations -- nothing_of_a_caller || by='kept'
    units "$1"
}

# Who notices among the tests beside the code of a room.
units() {
    ! tests --lib -- "$1" || by="$by $(sed -n 's/^test result: FAILED.* \([0-9]* failed\).*/\1/p' "$copy/log") beside"
}

# mutant NAME FILE PERL-SUBSTITUTION; the file as seen from the room of the conversation
mutant() {
    name=$1
    echo "$1 $2" | grep -Eq -e "$only" || return 0
    file=$copy/src/core/src/call/$2
    cp "$file" "$copy/kept"
    perl -0pi -e "$3" "$file"
    if cmp -s "$file" "$copy/kept"; then
        echo "mutant '$1' changes nothing: mend its pattern"
        exit 2
    fi
    by=
    case $2 in
    ../record*) kept record ;;
    ../failover*) units failover ;;
    ../amd*) units amd ;;
    ../redact*) units redact; [ -n "$by" ] || conversation ;;
    *) conversation ;;
    esac
    # What no conversation tells apart may be asked of the tests beside the code.
    case $by:$2 in
    :../consent/*) kept consent::gate ;;
    :../*) ;;
    :*) units call:: ;;
    esac
    [ -n "$by" ] || missed=$((missed + 1))
    printf '%-60s %s\n' "$1" "${by:-NOT NOTICED}"
    cp "$copy/kept" "$file"
}

mutant 'talking cuts the AI notice' listening.rs 's/\.speaking\.as_mut\(\)\.filter\(\|r\| !r\.is_protected\(\)\) \{\n            reply\.fate = Fate::Drop/.speaking.as_mut() {\n            reply.fate = Fate::Drop/'
mutant 'short unsure words count as words' listening.rs 's/let is_backchannel = is_unsure \|\| /let is_backchannel = /'
mutant 'events of dead replies live' speaking.rs 's/if let Some\(reply\) = self\.speaking\.as_mut\(\)\.filter\(\|r\| r\.id == id\) \{\n            let is_own/let _ = id;\n        if let Some(reply) = self.speaking.as_mut() {\n            let is_own/'
mutant 'a reply begins over a talking caller' speaking.rs 's/let is_free = self\.speaking\.is_none\(\) && self\.caller\.is_quiet\(\);/let is_free = self.speaking.is_none();/'
mutant 'a halted reply resumes while the caller talks' speaking.rs 's/let is_quiet = self\.overlap\.is_none\(\) && self\.caller\.talking\.is_none\(\);/let is_quiet = true;/'
mutant 'an empty answer is an answer' speaking.rs 's/After::Listen => return self\.mind_failed\(id, out\),/After::Listen => {}/'
mutant 'a reply answers without being heard' speaking.rs 's/self\.open\.answered\(reply\.answers\);\n        out/out/'
mutant 'the draft of a caller who goes on is said' listening.rs 's/if !self\.guessed_right\(\) \{\n            self\.cancel_draft\(out\);\n        \}//'
mutant 'a part of a phone number is whole' endpoint/digits.rs 's/\(Some\(Cue::Phone\), _\) => Part::Missing,/(Some(Cue::Phone), _) => Part::Whole,/'
mutant 'a number in groups is whole' endpoint/ending.rs 's/let in_groups = said\.paused_at > first\.at;/let in_groups = false;/'
mutant 'a whole number waits as if it were not' endpoint/digits.rs 's/\(Some\(Cue::Reference \| Cue::Short\), _\) => Part::Long,/(Some(Cue::Reference | Cue::Short), _) => Part::Missing,/'
mutant 'a part of a spelling is whole' endpoint/letters.rs 's/is_begun \|\| is_short \|\| goes_on/false/'
mutant 'an e-mail address ends anywhere' endpoint/letters.rs 's/is_cut\.then_some\(Part::Missing\)/None/'
mutant 'the question does not count' speaking.rs 's/self\.asked = last_heard;/let _ = last_heard;/'
mutant 'pauses are not learnt' turn.rs 's/self\.habits\.paused\(pause_ms\);/let _ = pause_ms;/'
mutant 'an answer that came too soon teaches nothing' turn.rs 's/self\.habits\.paused\(from\.since\(timing\.speech_end\)\);/let _ = timing.speech_end;/'
mutant 'a pause is never forgotten' speaking.rs 's/self\.habits\.answered\(self\.open\.has_pause\(\)\);//'
mutant 'a lost transcript is not missed' listening.rs 's/\(stopped\.since\(self\.transcribed\) > VERDICT_SLACK_MS\)\.then_some\(stopped\)/None.filter(|_: \&At| stopped.since(self.transcribed) > VERDICT_SLACK_MS)/'
mutant 'a machine is hung up on by time alone' ../amd.rs 's/\(long_ms > 0 && is_fluent\)/(long_ms > 0)/'
mutant 'a hello is taken for a machine by a beep' ../amd.rs 's/rank > self\.rank \|\| speaks_up/rank >= self.rank || speaks_up/'
mutant 'a person becomes a machine at any time' ../amd.rs 's/verdict\.after_ms > self\.revised_ms\(\)/false/'
mutant 'silence agrees before it is known who answered' consent.rs 's/if self\.answering\.is_open\(\) \{\n            return;\n        \}\n        if self\.hearing_due/if self.hearing_due/'
mutant 'words are obeyed before it is known who answered' answering.rs 's/if amd\.is_open\(\) \{/if false {/'
mutant 'a machine is obeyed' answering.rs 's/        is_machines\n    \}/        false\n    }/'
mutant 'a message is begun at once' answering.rs 's/is_quiet\.then\(\|\| quiet\.plus\(self\.settings\.answering\.silence_ms\)\)/Some(quiet).filter(|_| is_quiet || true)/'
mutant 'a late beep is passed over' answering.rs 's/self\.answering\.again = true;//'
mutant 'who picks up is not heard' answering.rs 's/self\.picked_up\(verdict\.evidence, out\);//'
mutant 'words from before the answer count' answering.rs 's/self\.caller\.begin_anew\(now\);//'
mutant 'nudges never end' trouble.rs 's/self\.nudges \+= 1;//'
mutant 'the first ending does not stay' trouble.rs 's/if self\.ending\.is_none\(\) \{\n            self\.begin_ending/if true {\n            self.begin_ending/'
mutant 'the gate opens before the notice was heard' consent.rs 's/if notice\.left == 0 \{/if reply.notice_has_begun() {/'
mutant 'a notice that could not be voiced was heard' reply.rs 's/if clause\.over \|\| clause\.lost \|\| /if clause.over || /'
mutant 'a notice without marks was heard' trouble.rs 's/reply\.presumed_heard\(\)/reply.heard_whole()/'
mutant 'a yes counts before the end of the question' ../consent/gate.rs 's/let began_after = said\.from >= heard;/let began_after = said.to > heard;/'
mutant 'the key for yes counts before the end of the question' ../consent/gate.rs 's/State::Announcing\(round\) if round\.from\.is_some\(\) => \{\n                round\.doubt\.get_or_insert\(now\);\n                None/State::Announcing(round) if round.from.is_some() => {\n                self.grant(Method::PressedYes, now)/'
mutant 'words over the notice agree' ../consent/gate.rs 's/State::Heard\(round, heard\) if said\.to <= heard => self\.spoke_over\(round, said\),//'
mutant 'unsure words agree' consent.rs 's/if !is_sure \{/if !is_sure \&\& text.is_empty() {/'
mutant 'silence after the second question agrees' ../consent/gate.rs 's/round if round\.again => self\.refuse\(Refusal::NoAnswer\),/round if round.again => self.grant(Method::Silence, now),/'
mutant 'a withdrawal is ignored' ../consent/gate.rs 's/State::Granted\(_\) => \{\n                self\.state = State::Withdrawn;.*?\n            \}/State::Granted(_) => None,/s'
mutant 'a refusal is written down after its words' listening.rs 's/let objected = self\.object_in_words\(&found, from, out\);\n(.*?\}\)\);\n)/$1        let objected = self.object_in_words(\&found, from, out);\n/s'
mutant 'the mind is asked before consent is decided' control.rs 's/self\.gate\.is_decided\(\) && !self\.muted/!self.muted/'
mutant 'a muted mind is asked' control.rs 's/self\.gate\.is_decided\(\) && !self\.muted/self.gate.is_decided()/'
mutant 'keys from before the grant look like later ones' consent.rs 's/self\.note_keys\(out\);//'
mutant 'the mind may deny being an AI' speaking.rs 's/match guard::denies_ai\(language, so_far/match false \&\& guard::denies_ai(language, so_far/'
mutant 'a filler comes while the caller talks' filling.rs 's/\|\| !self\.caller\.is_quiet\(\)//'
mutant 'a muted agent fills silences' filling.rs 's/\|\| !self\.may_ask_mind\(\)//'
mutant 'fillers never end' filling.rs 's/self\.fillers\.count \+= 1;//'
mutant 'a silence in which nobody waits is filled' filling.rs 's/is_waited_for && is_stalled/(is_stalled || is_waited_for \&\& false)/'
mutant 'a long turn is filled at once' filling.rs 's/Some\(thought\.min\(due\.plus\(LATER_MS_MAX\)\)\.max\(due\)\)/let _ = (thought, LATER_MS_MAX);\n        Some(due)/'
mutant 'one filler follows another' filling.rs 's/self\.fillers\.last = self\.now;//'
mutant 'a filler answers' reply.rs 's/!clause\.protected && !clause\.filler/!clause.protected/'
mutant 'a filler is said again' reply.rs 's/!c\.over && !c\.filler/!c.over/'
mutant 'a filler that is not at hand is a failure' trouble.rs 's/if clause\.filler && !clause\.prompt \{/if false {/'
mutant 'an apology follows a filler' trouble.rs 's/!is_filling && !self/!self/g'
mutant 'what is inserted cuts a filler' speaking.rs 's/let is_early = /let is_early = false \&\& /'
mutant 'what sounds is a silence' speaking.rs 's/self\.hushed = None;//'
mutant 'a guess is heard before the turn is over' speaking.rs 's/ && r\.guess\.is_none\(\)\);\n        if let Some\(draft\)/);\n        if let Some(draft)/'
mutant 'a wrong guess is the answer' ahead.rs 's/guess\.is_some_and\(\|guess\| are_same\(guess, &self\.open\.text\)\)/guess.is_some()/'
mutant 'other words do not cancel a guess' ahead.rs 's/if !are_same\(guess, &joined/if false \&\& !are_same(guess, \&joined/'
mutant 'a guess at what nobody said stays' ahead.rs 's/if is_guess && self/if false \&\& is_guess \&\& self/'
mutant 'guesses never end' ahead.rs 's/self\.open\.guesses \+= 1;//'
mutant 'a guess that failed is made again' ahead.rs 's/self\.open\.guesses = u32::MAX;//'
mutant 'a guess that failed is a failure' trouble.rs 's/if reply\.guess\.is_some\(\) \{\n            return self\.drop_guess\(out\);\n        \}//'
mutant 'a guess that has nothing to say is a failure' speaking.rs 's/if reply\.guess\.is_some\(\) && after != After::HangUp \{\n                return self\.drop_guess\(out\);\n            \}//'
mutant 'unfinished words are guessed at' ahead.rs 's/ && self\.silence_after\(&text\) <= turn\.unscored_ms//'
mutant 'words from before consent are guessed at' ahead.rs 's/\.filter\(\|_\| is_after\)\?/?/'
mutant 'a guess is made while an answer is said' ahead.rs 's/&& self\.speaking\.is_none\(\)//'
mutant 'a guess is made while keys are pressed' ahead.rs 's/&& self\.open\.keys\.is_empty\(\)//'
mutant 'a guess is made in front of the opening' ahead.rs 's/&& !self\.owes_opening//'
mutant 'a muted mind guesses' ahead.rs 's/&& self\.may_ask_mind\(\);/;/'
mutant 'a guess takes the turn from what is to be said' ahead.rs 's/&& self\.notices\.is_empty\(\)\n            && self\.asked_says\.is_empty\(\)//'
mutant 'a guess answers nothing' ahead.rs 's/draft\.answers = \(text\.len\(\), 0\);//'
mutant 'a guess is voiced to its second clause' speaking.rs 's/if reply\.guess\.is_some\(\) \{\n            1\n/if reply.guess.is_some() {\n            PREPARED_MAX\n/'
mutant 'no end to the patience with a learnt pause' endpoint/habits.rs 's/\.min\(settings\.patience_ms_max\)//'
mutant 'a notice that was lost is said for ever' ../consent/gate.rs 's/if round\.lost < TRIES_MAX \{/if true {/'
mutant 'unclear words are asked about for ever' ../consent/gate.rs 's/if round\.again \{\n            return self\.refuse\(Refusal::Unclear\);\n        \}//'
mutant 'a no over the notice is not heard' ../consent/gate.rs 's/Meaning::No => return self\.refuse\(Refusal::SaidNo\),/Meaning::No => return None,/'
mutant 'a no is words' ../consent/gate.rs 's/Meaning::No => self\.refuse\(Refusal::SaidNo\),//; s/Meaning::Yes \| Meaning::Words if !self\.affirmative/Meaning::No | Meaning::Yes | Meaning::Words if !self.affirmative/; s/Meaning::Yes \| Meaning::Words \| Meaning::Sign \| Meaning::Unclear => \{/_ => {/'
mutant 'a sign of listening agrees' ../consent/gate.rs 's/Meaning::Sign if !self\.is_question\(\) => None,/Meaning::Sign if !self.is_question() => self.grant(Method::WentOn, now),/'
mutant 'silence counts whoever makes a sound' ../consent/gate.rs 's/quiet_since\.max\(\*heard\)/(*heard).max(At::START.max(quiet_since.min(At::START)))/'
mutant 'a question does not wait for its answer' ../consent/gate.rs 's/round if self\.affirmative => \{\n                self\.ask_again\(round\);\n                None\n            \}//'
mutant 'a call that ends undecided was not refused' ../consent/gate.rs 's/self\.refuse\(Refusal::Ended\)/None/'
mutant 'the grant covers the moment that it came of' ../consent/gate.rs 's/mint\(now\.plus\(1\), method\)/mint(now, method)/'
mutant 'what began before the grant is kept' ../record.rs 's/ && began >= granted\.since\(\)\)/ \&\& (began >= granted.since() || true))/'
mutant 'a recorder that has stopped goes on' ../record.rs 's/granted\.filter\(\|granted\| self\.stopped\.is_none\(\) && /granted.filter(|granted| /'
mutant 'the agent is recorded after the end of consent' ../record.rs 's/if self\.stopped\.is_none\(\) \{\n            self\.tape\.put\(Channel::Agent/{\n            self.tape.put(Channel::Agent/'
mutant 'the agent is written down after the end of consent' ../record.rs 's/Some\(Stop::Leaves\(leaves\)\) => leaves\.has\(&turn\),/Some(Stop::Leaves(_)) => true,/'
mutant 'a call without recording is kept' ../record.rs 's/if began\.mode == Mode::NoRecord \{/if false {/'
mutant 'what was not fetched outlives the end of consent' ../record.rs 's/ready\.into_iter\(\)\.filter_map\(\|e\| leaves\.of\(e\)\)\.collect\(\)/{ let _ = leaves; ready }/'
mutant 'sound outlives the end of consent' ../record.rs 's/self\.tape\.clear\(\);//'
mutant 'a later stop is a looser one' ../record.rs 's/if !is_looser \{/if !is_looser || true {/'
mutant 'a refusal does not stop the recorder' ../record.rs 's/Step::Refused \{ \.\. \} => self\.stop_at\(Leaves::Before \{ until_ms \}\),/Step::Refused { .. } => {}/'
mutant 'what nobody fetches has no end' ../record.rs 's/if self\.ready\.len\(\) < READY_MAX \{/if self.ready.len() < usize::MAX {/'
mutant 'one failure opens the circuit' ../failover.rs 's/failed >= FAILURES_MAX && //'
mutant 'a few failures among many results open the circuit' ../failover.rs 's/ && failed >= worked//'
mutant 'failures are never forgotten' ../failover.rs 's/slot\.number >= oldest/slot.number >= oldest || true/'
mutant 'everybody tries an open circuit' ../failover.rs 's/self\.state = State::Trial \{ since_ms: now_ms \};//'
mutant 'an open circuit is not left alone' ../failover.rs 's/now_ms >= until_ms,/now_ms >= until_ms || true,/'
mutant 'a trial without a result is the last' ../failover.rs 's/now_ms >= since_ms\.saturating_add\(TRIAL_MS\)/now_ms >= since_ms.saturating_add(TRIAL_MS) \&\& false/'
mutant 'late news closes the circuit' ../failover.rs 's/State::Open \{ \.\. \} => None,/State::Open { .. } => {\n                *self = Self::default();\n                Some(Change::Closed)\n            }/'
mutant 'a trial that failed costs nothing' ../failover.rs 's/\.saturating_mul\(2\)//'
mutant 'a circuit is left alone for ever' ../failover.rs 's/\.min\(OPEN_MS_MAX\)//'
mutant 'one that failed takes over' ../failover.rs 's/\.filter\(move \|at\| !failed\[\*at\]\)/.filter(move |at| !failed[*at] || true)/'
mutant 'one that is left alone takes over' ../failover.rs 's/self\.others\(\)\.find\(\|at\| admits\(\*at\)\)\.or\(first\)/first.filter(|at| admits(*at)).or(first)/'
mutant 'nobody takes over where all are left alone' ../failover.rs 's/find\(\|at\| admits\(\*at\)\)\.or\(first\)/find(|at| admits(*at)).or(first.filter(|_| false))/'
mutant 'a call begins with one that is left alone' ../failover.rs 's/self\.at = other\.unwrap_or\(self\.at\);/let _ = other;/'
mutant 'a failure of long ago counts against one that worked' ../failover.rs 's/pub fn worked\(&mut self\) \{\n        self\.failed = \[false; COUNT_MAX\];/pub fn worked(\&mut self) {/'
mutant 'most of a card number is guessed at' ahead.rs 's/ \|\| redact::is_most_of_card\(&self\.unnoted\.with\(guessed\)\)//'
mutant 'a telephone number is not guessed at' ../redact.rs 's/rest\.len\(\) > HARMLESS_MAX/rest.len() > FIRST_SHOWN_MAX/'
mutant 'words are noted behind the answer to them' ahead.rs 's/self\.release_unnoted\(out\);//'
mutant 'the first part of a card number is noted at once' unnoted.rs 's/if may_stay && /if false \&\& may_stay \&\& /'
mutant 'what is held back is never noted' unnoted.rs 's/is_some_and\(\|at\| at <= self\.now\)/is_some_and(|_| false)/'
mutant 'what was noted before does not belong to a card number' unnoted.rs 's/redact::cards_across\(&unnoted\.before, /redact::cards_across("", /'
mutant 'any row of digits is a card number' ../redact.rs 's/if path\.len\(\) == ISSUER_DIGITS && !is_issuers\(path\) \{\n        return;\n    \}//'
mutant 'the check digit does not count' ../redact.rs 's/\n        && sum\(path\.iter\(\)\.copied\(\)\)\.is_multiple_of\(10\)//'
mutant 'secret keys are heard' collecting.rs 's/self\.keypad\.withheld\.get_or_insert\(self\.now\);//'
mutant 'what comes behind secret keys is heard' collecting.rs 's/self\.keypad\.late = Some\(Late::Secret/let _ = Some(Late::Secret/'
mutant 'keys are waited for while they are asked for' collecting.rs 's/true => collect\.silent = None,/true => {}/'
mutant 'wrong keys are asked for again and again' collecting.rs 's/collect\.asked \+= 1;//'
mutant 'keys that nobody waits for are collected' collecting.rs 's/Some\(_\) if !is_waited_for => self\.end_keys\(KeysDone::Not\(Unkeyed::Left\), out\),//'
mutant 'whoever looks for their card is given up' ../call.rs 's/ && !self\.waits_for_keys\(r\)//'
mutant 'keys are asked for by someone who is no AI' collecting.rs 's/if guard::denies_ai\(language, "", text\)/if false \&\& guard::denies_ai(language, "", text)/'
mutant 'a row of keys may be a card number' collecting.rs 's/redact::cards\(row\.expose\(\)\)\.into_owned\(\)/row.expose().to_owned()/'
mutant 'a transfer of before puts the caller through' transferring.rs 's/if !self\.is_used\(id\) \{\n            return;\n        \}//'
mutant 'a second transfer takes the place of the first' transferring.rs 's/if self\.transfer\.is_none\(\) \{\n                    self\.transfer_begun\(id, kind, hold, out\);\n                \}/self.transfer_begun(id, kind, hold, out);/'
mutant 'a call that ends is put through' transferring.rs 's/t\.stage == Stage::Saying && self\.ending\.is_none\(\)/t.stage == Stage::Saying/'
mutant 'the caller is put through before they heard it' transferring.rs 's/transfer\.stage = Stage::Saying;/transfer.stage = Stage::Away;\n        out.push(Action::PutThrough { id: transfer.id });/'
mutant 'the agent speaks to the person' transferring.rs 's/stage\.is_some_and\(\|stage\| \*stage != Stage::Calling\)/false/'
mutant 'the last words are said though the transfer is over' transferring.rs 's/reply\.fate = Fate::Drop;\n        \}\n        self\.idle_since/}\n        self.idle_since/'
mutant 'a call that ends is handed over' handing.rs 's/if self\.ending\.is_some\(\) \{/if false {/'
mutant 'two agents speak at once' handing.rs 's/self\.end_reply_of_mind\(out\);//'
mutant 'the next agent says nothing' handing.rs 's/self\.owes_words_of_next = true;//'
mutant 'the next agent may talk longer' handing.rs 's/call_ms: self\.limits\.call_ms,/call_ms: next.limits.call_ms,/'
mutant 'the next agent asks for consent by its own rules' handing.rs 's/consent: self\.consent\.clone\(\),/consent: next.consent.clone(),/'
exit $missed
