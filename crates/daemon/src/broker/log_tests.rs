use super::*;

fn small() -> LogLimits {
    LogLimits { disk: 4_000, events: 1_000, memory: 500 }
}

fn add(log: &EventLog, kind: &str, n: u64) -> u64 {
    log.append(&[NewEvent { kind, data: &n.to_string(), from: None, hops: 0, at: None }]).expect("added")
}

/// Everything behind `cursor`, in as many reads as it takes; and whether something was lost.
fn all(log: &EventLog, mut cursor: u64, filter: &Filter) -> (Vec<u64>, bool) {
    let (mut seqs, mut lost) = (Vec::new(), false);
    loop {
        let read = log.read(cursor, filter, 1_000).expect("read");
        lost |= read.lost.is_some();
        seqs.extend(read.events.iter().map(|event| event.seq));
        if read.cursor == cursor {
            return (seqs, lost);
        }
        assert!(read.cursor > cursor);
        cursor = read.cursor;
    }
}

#[test]
fn what_is_not_in_memory_is_read_from_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = EventLog::open(folder.path(), small()).expect("opened");
    for n in 1..=30 {
        assert_eq!(add(&log, if n % 3 == 0 { "three" } else { "other" }, n), n);
    }
    let everything = Filter::default();
    for from in 0..30 {
        assert_eq!(all(&log, from, &everything), ((from + 1..=30).collect(), false), "from {from}");
    }
    let threes = Filter::new(&["three"]).expect("good");
    assert_eq!(all(&log, 4, &threes).0, (6..=30).step_by(3).collect::<Vec<u64>>());
}

#[test]
fn old_events_go_and_the_reader_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = EventLog::open(folder.path(), small()).expect("opened");
    for n in 1..=500 {
        add(&log, "x", n);
    }
    let (count, bytes, first) = log.size();
    assert!(bytes <= 4_100 && count >= 20 && first == 501 - count, "{count} {bytes} {first}");
    assert_eq!(all(&log, 0, &Filter::default()), ((first..=500).collect(), true));
    assert_eq!(all(&log, first - 1, &Filter::default()), ((first..=500).collect(), false));
}

#[test]
fn numbers_go_on_behind_a_restart_and_a_torn_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for life in 0..4 {
        let log = EventLog::open(folder.path(), LogLimits::default()).expect("opened");
        for n in 1..=3 {
            assert_eq!(add(&log, "x", n), life * 3 + n);
        }
        drop(log);
        let mut file = OpenOptions::new().append(true).open(folder.path().join(NEWER)).expect("there");
        file.write_all(b"{\"t\":\"event\",\"seq\":99,\"ty").expect("torn");
    }
    let log = EventLog::open(folder.path(), LogLimits::default()).expect("opened");
    assert_eq!(all(&log, 0, &Filter::default()), ((1..=12).collect(), false));
}

#[test]
fn numbers_that_a_power_cut_may_have_taken_are_not_given_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = EventLog::open(folder.path(), LogLimits::default()).expect("opened");
    add(&log, "x", 1);
    drop(log);
    // As after a restart of the machine.
    let numbers = folder.path().join(NUMBERS);
    let text = std::fs::read_to_string(&numbers).expect("there");
    std::fs::write(&numbers, text.replace(&boot(), "another")).expect("written");
    let log = EventLog::open(folder.path(), LogLimits::default()).expect("opened");
    assert!(add(&log, "x", 2) > RESERVE);
    // As if somebody had removed the log.
    drop(log);
    std::fs::remove_file(folder.path().join(NEWER)).expect("removed");
    let log = EventLog::open(folder.path(), LogLimits::default()).expect("opened");
    assert!(add(&log, "x", 3) > 2 * RESERVE);
}

#[test]
fn a_line_that_is_no_event_hides_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = EventLog::open(folder.path(), LogLimits::default()).expect("opened");
    add(&log, "x", 1);
    let mut file = OpenOptions::new().append(true).open(folder.path().join(NEWER)).expect("there");
    file.write_all(b"what is this\n{\"seq\":1,\"type\":\"x\"}\n").expect("written");
    drop(log);
    let log = EventLog::open(folder.path(), LogLimits::default()).expect("opened");
    assert_eq!(add(&log, "x", 2), 2);
    drop(log);
    let path = folder.path().join(NEWER);
    let text = std::fs::read_to_string(&path).expect("there");
    let (one, two) = text.split_once('\n').expect("lines");
    std::fs::write(&path, format!("{one}\ngarbage\n{two}")).expect("written");
    let log = EventLog::open(folder.path(), LogLimits::default()).expect("opened");
    assert_eq!(all(&log, 0, &Filter::default()), (vec![1, 2], false));
}

#[test]
fn what_is_published_again_is_not_another_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |from: &'static str, begun, position| NewEvent {
        kind: "x",
        data: "1",
        from: Some(from),
        hops: 0,
        at: Some(EmittedAt { begun, position }),
    };
    let log = EventLog::open(folder.path(), LogLimits::default()).expect("opened");
    assert_eq!(log.append(&[of("a", 1, 10), of("b", 1, 10), of("a", 1, 20), of("a", 1, 20)]).expect("added"), 3);
    // The connection broke before they were acknowledged.
    assert_eq!(log.append(&[of("a", 1, 10), of("a", 1, 20), of("a", 1, 30), of("b", 1, 10)]).expect("added"), 4);
    drop(log);
    // So did the daemon.
    let log = EventLog::open(folder.path(), LogLimits::default()).expect("opened");
    assert_eq!(log.append(&[of("a", 1, 30), of("b", 1, 10)]).expect("known"), 4);
    assert_eq!(log.append(&[of("a", 2, 10), of("b", 1, 11)]).expect("added"), 6);
    assert_eq!(all(&log, 0, &Filter::default()).0, (1..=6).collect::<Vec<u64>>());
}
