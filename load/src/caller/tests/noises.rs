//! Answers that noises disturb.

use super::*;

/// With a noise in every answer: kinds, what the server does, and of all that were made the shares that were halted,
/// dropped and answered.
#[test]
fn an_answer_that_a_noise_ends_is_a_false_stop_and_one_that_goes_on_is_none() {
    use OnNoise::{Answer, Drop, Nothing, Resume};
    let sounds = [Noise::Cough, Noise::MmHm, Noise::Street];
    for (kinds, on_noise, halted, dropped, answered) in [
        (&sounds[..], Nothing, 0, 0, 0),
        (&sounds[..], Resume, 1, 0, 0),
        (&sounds[..], Drop, 1, 1, 0),
        (&sounds[..], Answer, 1, 1, 1),
        (&[Noise::Echo][..], Nothing, 0, 0, 0),
        (&[Noise::Echo][..], Drop, 1, 1, 0),
    ] {
        let server = Server {
            on_noise,
            ..PUNCTUAL
        };
        let tally = rehearse(server, 3, |script| {
            script.noises = 1.0;
            script.noise_range = ms(1_000);
            script.echo_db = (12.0, 12.0);
            script.noise_kinds = kinds.to_vec();
        });
        for kind in kinds {
            let noise = &tally.noises[*kind as usize];
            assert!(noise.made >= 5, "{kind:?} {}", noise.made);
            let of_all = |share: u64| noise.made * share;
            assert_eq!(
                (noise.halted, noise.dropped, noise.answered),
                (of_all(halted), of_all(dropped), of_all(answered)),
                "{kind:?}"
            );
        }
        assert_eq!(
            tally.noise_troubles.len() as u64,
            tally.noises.iter().map(|noise| noise.dropped).sum::<u64>()
        );
        // A halt is no gap, and what is cleared for a noise is not cleared for nothing.
        assert_eq!((tally.underruns, tally.unasked_clears), (0, 0));
        assert_eq!((tally.verified, tally.wrong), (tally.turns, 0));
    }
}

#[test]
fn a_halt_lasts_from_the_clear_to_the_next_sound() {
    let server = Server {
        on_noise: OnNoise::Resume,
        ..PUNCTUAL
    };
    let tally = rehearse(server, 5, |script| {
        script.noises = 0.5;
        script.noise_range = ms(1_000);
        script.noise_kinds = vec![Noise::Street];
    });
    let noise = &tally.noises[Noise::Street as usize];
    // Two seconds from its first frame, of which three are heard before the clear, and 200 ms of silence behind it.
    let (p50, max) = ms_of(&noise.halts);
    assert!(
        (2_120.0..=2_200.0).contains(&p50) && max <= 2_200.0,
        "{p50} {max}"
    );
    assert!(noise.made.abs_diff(tally.turns / 2) <= 1);
    assert_eq!(noise.halts.len() as u64, noise.made);
}

#[test]
fn the_same_seed_makes_the_same_noises() {
    let trace = || {
        let server = Server {
            on_noise: OnNoise::Drop,
            ..PUNCTUAL
        };
        rehearse(server, 2, |script| script.noises = 0.6).noise_troubles
    };
    assert!(!trace().is_empty());
    assert_eq!(trace(), trace());
}
