//! Writes the first corpus of every target, out of the conformance programs: `seeds CONFORMANCE CORPUS`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use neutron::stepping::Stepper;
use quicksave_fuzz::{MEMORY, code, port::World, run};

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1).map(PathBuf::from);
    let (Some(programs), Some(corpus)) = (args.next(), args.next()) else {
        eprintln!("usage: seeds CONFORMANCE CORPUS");
        std::process::exit(2);
    };
    for target in ["parse", "execute", "load"] {
        std::fs::create_dir_all(corpus.join(target))?;
    }
    let mut words = BTreeSet::new();
    for entry in std::fs::read_dir(programs)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "nt") {
            seed(&path, &corpus, &mut words)?;
        }
    }
    let lines: String = words.iter().map(|word| format!("\"{word}\"\n")).collect();
    std::fs::write(corpus.join("words.dict"), lines)
}

fn seed(path: &Path, corpus: &Path, words: &mut BTreeSet<String>) -> std::io::Result<()> {
    let source = std::fs::read_to_string(path)?;
    let name = path.file_stem().and_then(|n| n.to_str()).unwrap_or("seed").to_owned();
    if source.len() > 4_000 {
        return Ok(());
    }
    words.extend(
        source.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| w.len() > 1).map(str::to_owned),
    );
    for target in ["parse", "execute"] {
        std::fs::write(corpus.join(target).join(&name), &source)?;
    }
    let Some(code) = code(&source) else { return Ok(()) };
    for steps in [3, 40, 150] {
        let mut machine = Stepper::within(&code, MEMORY);
        let mut world = World::new();
        run(&mut machine, &mut world, steps);
        let image = machine.image();
        if image.len() < 64 << 10 {
            std::fs::write(corpus.join("load").join(format!("{name}-{steps}")), image)?;
        }
    }
    Ok(())
}
