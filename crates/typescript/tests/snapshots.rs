//! A program restored from a snapshot goes on as if nothing had happened; a damaged snapshot is refused.

mod common;

use bytes::Bytes;
use common::*;
use run::{
    Guest, GuestError, Program, TurnEnd, Wake,
    limits::{Limits, SNAPSHOT_CHAIN},
};
use serde_json::json;

/// Closures, private fields, generators, Maps, timers and promises that wait, all of them alive at every wait.
const RICH: &str = r#"
import { word } from './word';
class Account {
    #balance = 0;
    static #count = 0;
    constructor() { Account.#count++ }
    add(n) { this.#balance += n; return this }
    get balance() { return this.#balance }
    static get count() { return Account.#count }
}
const weak = new WeakMap();
let counter = 0;
const next = () => ++counter;
async function* source(n) {
    for (let i = 0; i < n; i++) {
        const local = { i, text: 'item ' + i };
        await new Promise((r) => setTimeout(r, i * 10 + 1));
        yield local;
    }
    return 'end';
}
function* plain() { let a = 0; try { for (;;) a += yield a } finally { counter += 100 } }
export default async function main({ name }) {
    const account = new Account();
    const map = new Map([[account, 'key'], [NaN, 1n << 70n]]);
    weak.set(account, Symbol.for('kept'));
    const generator = plain(); generator.next();
    const slow = new Promise((r) => setTimeout(() => r('slow'), 100000));
    const aborted = setTimeout(() => { counter = -1 }, 5);
    clearTimeout(aborted);
    const seen = [];
    const together = Promise.all([1, 2, 3].map(async (x) => { await new Promise((r) => setTimeout(r, 50 - x)); return x * next() }));
    for await (const { i, text } of source(5)) {
        account.add(i);
        seen.push(text, generator.next(i).value, Math.random().toFixed(6), Date.now() % 1000);
        map.set(text, new Uint8Array([i, i + 1]));
    }
    generator.return();
    const regexp = /(?<year>\d{4})/g; regexp.exec('in 2024 and 2025');
    await new Promise((r) => setTimeout(r, 1));
    return [name, word(), seen, await together, await slow, account.balance, Account.count, counter, [...map.keys()].length,
        String(map.get(NaN)), weak.get(account).description, regexp.exec('in 2024 and 2025').groups.year, [...map.get('item 3')]];
}
"#;

fn rich() -> std::sync::Arc<run::Code> {
    let word: &[(&str, &str)] = &[("./word", "file:///app/word.ts")];
    let main = "file:///app/main.ts";
    modules(main, &[(main, RICH, word), ("file:///app/word.ts", "let n = 0; export const word = () => 'w' + n++", &[])])
}

fn restored(code: &std::sync::Arc<run::Code>, images: &[Bytes]) -> Box<dyn Program> {
    GUEST.restore(code, &Limits::default(), images).expect("a good snapshot is taken back")
}

#[test]
fn survives_at_every_turn() {
    on_stack(|| {
        let code = rich();
        let mut quiet = World::default();
        let undisturbed = done(drive(load(&code), &mut quiet, json!({"name": "n"}), &mut |p| p));
        let mut sizes = Vec::new();
        let mut world = World::default();
        let result = done(drive(load(&code), &mut world, json!({"name": "n"}), &mut |mut program| {
            let image = program.snapshot().unwrap().expect("the guest has snapshots");
            assert!(!image.on_parent);
            sizes.push(image.bytes.len());
            let mut again = restored(&code, std::slice::from_ref(&image.bytes));
            // What was restored has the same memory.
            assert_eq!(again.snapshot().unwrap().unwrap().bytes, image.bytes);
            again
        }));
        assert_eq!(result, undisturbed);
        assert_eq!(world.log, quiet.log);
        assert_eq!(undisturbed[5], json!(10));
        println!("{} snapshots of {}..{} bytes", sizes.len(), sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        assert!(sizes.len() >= 9);
    });
}

#[test]
fn one_snapshot_taken_back_twice_gives_the_same() {
    on_stack(|| {
        let code = rich();
        let mut world = World::default();
        let mut program = load(&code);
        assert_eq!(program.turn(start(json!({})), &mut world).unwrap(), TurnEnd::Idle);
        let image = program.snapshot().unwrap().unwrap().bytes;
        let finish = || {
            let mut program = restored(&code, std::slice::from_ref(&image));
            let (n, _) = world.open[0].clone();
            let mut world = World { next: world.next, ..World::default() };
            let wake = Wake::Result { n, outcome: Ok(run::Payload::null()), now: START + 1 };
            program.turn(wake, &mut world).unwrap();
            (program.snapshot().unwrap().unwrap().bytes, world.log)
        };
        assert_eq!(finish(), finish());
    });
}

/// A program with some MiB of data that changes a little each turn.
const LARGE: &str = "
    const rows = [];
    for (let i = 0; i < 60000; i++) rows.push({ id: i, name: 'row ' + i });
    export default async () => {
        for (let turn = 0; turn < 30; turn++) {
            await new Promise((r) => setTimeout(r, 1));
            for (let i = 0; i < 10; i++) rows.push({ id: rows.length, turn });
            rows[turn * 1000].name = 'changed';
        }
        let sum = 0; for (const row of rows) sum += row.id + (row.name?.length ?? 0);
        return [rows.length, sum];
    }";

#[test]
fn large_heaps_make_chains() {
    on_stack(|| {
        let code = code(LARGE);
        let undisturbed = done(drive(load(&code), &mut World::default(), json!({}), &mut |p| p));
        let mut images: Vec<Bytes> = Vec::new();
        let mut sizes = Vec::new();
        let mut turn = 0;
        let result = done(drive(load(&code), &mut World::default(), json!({}), &mut |mut program| {
            let image = program.snapshot().unwrap().unwrap();
            if !image.on_parent {
                images.clear();
            }
            sizes.push((image.on_parent, image.bytes.len()));
            images.push(image.bytes);
            assert!(images.len() as u32 <= SNAPSHOT_CHAIN, "the chain is too long");
            turn += 1;
            // Now from memory, now from the chain.
            if turn == 5 { restored(&code, &images) } else { program }
        }));
        assert_eq!(result, undisturbed);
        println!("{sizes:?}");
        assert!(sizes.iter().filter(|(on_parent, _)| *on_parent).all(|(_, size)| *size < 20_000));
        assert!(sizes.iter().filter(|(on_parent, _)| *on_parent).count() > 20);

        let refuses = |images: &[Bytes]| {
            let answer = GUEST.restore(&code, &Limits::default(), images).map(|_| ());
            assert!(matches!(answer, Err(GuestError::Refused(_))), "{answer:?}");
        };
        assert!(images.len() > 2);
        assert!(!sizes[5].0, "a restored program's first image is whole");
        refuses(&[]);
        refuses(&images[1..]);
        refuses(&[images[0].clone(), images[2].clone()]);
        refuses(&[images[0].clone(), images[0].clone()]);
        let small = Limits { memory: 5 << 20, ..Limits::default() };
        assert!(matches!(GUEST.restore(&code, &small, &images).map(|_| ()), Err(GuestError::Refused(_))));
    });
}

#[test]
fn swapped_out_at_every_turn() {
    on_stack(|| {
        for code in [rich(), code(LARGE)] {
            let (mut quiet, mut world) = (World::default(), World::default());
            // With snapshots between: they must come out as if nothing had been swapped.
            let (mut undisturbed, mut images) = (Vec::new(), Vec::new());
            let result = done(drive(load(&code), &mut quiet, json!({"name": "n"}), &mut |mut program| {
                undisturbed.push(program.snapshot().unwrap().unwrap());
                program
            }));
            let mut outs = 0;
            let swapped = done(drive(load(&code), &mut world, json!({"name": "n"}), &mut |mut program| {
                let memory = program.memory();
                for _ in 0..2 {
                    outs += u64::from(program.swap_out().unwrap());
                    assert_eq!(program.memory(), memory);
                    program.swap_in().unwrap();
                }
                images.push(program.snapshot().unwrap().unwrap());
                program.swap_out().unwrap();
                program.swap_in().unwrap();
                program
            }));
            assert_eq!((swapped, world.log), (result, quiet.log));
            assert!(images == undisturbed, "the images differ");
            assert_eq!(outs, 2 * images.len() as u64);
        }
    });
}

#[test]
fn what_is_swapped_out_is_refused_until_it_is_in_again() {
    on_stack(|| {
        let mut world = World::default();
        let mut program = load(&rich());
        program.turn(start(json!({})), &mut world).unwrap();
        program.forget_parent();
        assert!(program.swap_out().unwrap() && program.swap_out().unwrap());
        assert!(program.snapshot().is_err() && program.inspect(None).is_err());
        program.swap_in().unwrap();
        program.swap_in().unwrap();
        assert!(!program.snapshot().unwrap().unwrap().on_parent);
        // Random bytes do not become smaller, so they stay.
        let noise = code(
            "export default async () => { const all = new Uint8Array(8 << 20);
             for (let at = 0; at < all.length; at += 65536) crypto.getRandomValues(all.subarray(at, at + 65536));
             await new Promise((r) => setTimeout(r, 1)); return all.length }",
        );
        let mut program = load(&noise);
        assert_eq!(program.turn(start(json!({})), &mut world).unwrap(), TurnEnd::Idle);
        assert!(!program.swap_out().unwrap());
    });
}

#[test]
fn damage_is_refused() {
    on_stack(|| {
        let code = rich();
        let mut world = World::default();
        let mut program = load(&code);
        program.turn(start(json!({})), &mut world).unwrap();
        let image = program.snapshot().unwrap().unwrap().bytes;
        let refuses = |bytes: Vec<u8>, what: &str| {
            let answer = GUEST.restore(&code, &Limits::default(), &[bytes.into()]).map(|_| ());
            assert!(matches!(answer, Err(GuestError::Refused(_))), "{what}: {answer:?}");
        };
        for len in 0..image.len() {
            refuses(image[..len].to_vec(), "cut off");
        }
        refuses([&image[..], &[0]].concat(), "longer");
        let mut seed = 0x2545_f491_4f6c_dd1du64;
        println!("seed {seed}");
        for _ in 0..1000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let bit = (seed % (image.len() as u64 * 8)) as usize;
            let mut bytes = image.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            refuses(bytes, "a flipped bit");
        }
    });
}

#[test]
fn a_forged_image_is_refused_or_harmless() {
    on_stack(|| {
        let code = rich();
        let mut world = World::default();
        let mut program = load(&code);
        program.turn(start(json!({})), &mut world).unwrap();
        let image = program.snapshot().unwrap().unwrap().bytes;
        let forge = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = image.to_vec();
            change(&mut bytes);
            let sum = *blake3::Hasher::new().update(&bytes[..96]).update(&bytes[128..]).finalize().as_bytes();
            bytes[96..128].copy_from_slice(&sum);
            GUEST.restore(&code, &Limits::default(), &[bytes.into()])
        };
        let number = |at: usize, n: u32| move |bytes: &mut Vec<u8>| bytes[at..at + 4].copy_from_slice(&n.to_le_bytes());
        for change in [
            number(8, 2),
            number(12, 1),
            number(80, 0),
            number(80, u32::MAX),
            number(80, 1 << 16),
            number(84, 0),
            number(88, 0),
            number(88, 1),
            number(88, u32::MAX),
            number(88, 100_000),
        ] {
            assert!(matches!(forge(&change).map(|_| ()), Err(GuestError::Refused(_))));
        }
        // Pages that hold nonsense are the sandbox's matter: the program goes wrong, and nothing else does.
        let mut seed = 1u64;
        for _ in 0..30 {
            let body = zstd::decode_all(&image[128..]).unwrap();
            let pages = u32::from_le_bytes(image[88..92].try_into().unwrap()) as usize;
            let mut body = body;
            for _ in 0..50 {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let at = pages * 4 + (seed >> 16) as usize % (body.len() - pages * 4);
                body[at] ^= (seed >> 8) as u8;
            }
            let packed = zstd::encode_all(&body[..], 1).unwrap();
            let forged = forge(&|bytes: &mut Vec<u8>| {
                bytes.truncate(128);
                bytes.extend_from_slice(&packed);
                bytes[92..96].copy_from_slice(&(packed.len() as u32).to_le_bytes());
            });
            let Ok(mut program) = forged else { continue };
            let mut world =
                World { until: std::time::Instant::now() + std::time::Duration::from_millis(200), ..World::default() };
            let wake = Wake::Result { n: 0, outcome: Ok(run::Payload::null()), now: START + 1 };
            let _ = program.turn(wake, &mut world);
        }
    });
}
