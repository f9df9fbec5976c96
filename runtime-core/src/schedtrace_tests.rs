//! Golden lines, one of them printed by Go 1.27.3 itself, and a reader that goes by key as Go's tools do.

use std::collections::HashMap;

use super::*;
use crate::stats::{ConfigStats, MachineStats, ProcessorStats};

/// The state behind the line that Go 1.27.3 printed.
fn golden() -> SchedulerStats {
    let mut stats = SchedulerStats {
        uptime_ns: 66_999_999,
        config: ConfigStats { processors: 4, ..ConfigStats::default() },
        ..SchedulerStats::default()
    };
    stats.totals.need_spinning = true;
    stats.totals.global_queue_len = 56;
    for (id, (queue_len, tick)) in [(29, 4), (17, 3), (20, 5), (170, 5)].into_iter().enumerate() {
        stats.processors.push(ProcessorStats {
            id,
            state: ProcessorState::Running,
            machine: Some(id),
            queue_len,
            tick,
            next_slot: true,
            ..ProcessorStats::default()
        });
    }
    for id in 0..5 {
        stats.machines.push(MachineStats {
            id,
            state: if id < 4 { MachineState::Running } else { MachineState::Blocked },
            processor: (id < 4).then_some(id),
            ..MachineStats::default()
        });
    }
    stats.sum_up();
    stats
}

/// Reads a line as tools do: every `key=value`, and every `[ list ]` under the key before it or under none.
fn parse(line: &str) -> HashMap<String, String> {
    let mut fields = HashMap::new();
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        if let Some(key) = word.strip_suffix('[') {
            let list: Vec<_> = words.by_ref().take_while(|word| *word != "]").collect();
            fields.insert(key.trim_end_matches('=').to_owned(), list.join(" "));
        } else if let Some((key, value)) = word.split_once('=') {
            fields.insert(key.to_owned(), value.to_owned());
        }
    }
    fields
}

#[test]
fn the_plain_line_is_gos() {
    assert_eq!(
        line(&golden(), false, None),
        "SCHED 66ms: gomaxprocs=4 idleprocs=0 threads=5 spinningthreads=0 needspinning=1 idlethreads=0 runqueue=56 \
         [ 29 17 20 170 ] schedticks=[ 4 3 5 5 ]\n"
    );
}

#[test]
fn the_detailed_lines_are_gos() {
    let mut stats = golden();
    stats.processors.truncate(2);
    stats.processors[1] = ProcessorStats {
        id: 1,
        state: ProcessorState::Blocked,
        blocking_tick: 9,
        free_tasks: 3,
        timers_len: 2,
        ..ProcessorStats::default()
    };
    stats.machines = vec![
        MachineStats {
            id: 0,
            state: MachineState::Running,
            processor: Some(0),
            task: Some(18),
            ..MachineStats::default()
        },
        MachineStats { id: 1, state: MachineState::Parked, ..MachineStats::default() },
        MachineStats { id: 2, state: MachineState::Locked, locked_task: Some(5), ..MachineStats::default() },
        MachineStats { id: 3, state: MachineState::Spinning, ..MachineStats::default() },
        MachineStats { id: 4, state: MachineState::Dead, ..MachineStats::default() },
    ];
    stats.totals.sysmon_asleep = true;
    stats.sum_up();
    let tasks = [
        TaskRow {
            id: 18,
            status: TaskStatus::Running,
            wait_reason: "sleep".into(),
            machine: Some(0),
            locked_machine: None,
            name: None,
        },
        TaskRow {
            id: 5,
            status: TaskStatus::Waiting,
            wait_reason: "chan receive".into(),
            machine: None,
            locked_machine: Some(2),
            name: Some("worker".into()),
        },
    ];
    let expected = "\
SCHED 66ms: gomaxprocs=4 idleprocs=0 threads=4 spinningthreads=0 needspinning=1 idlethreads=1 runqueue=56 gcwaiting=false nmidlelocked=1 stopwait=0 sysmonwait=true
  P0: status=1 schedtick=4 syscalltick=0 m=0 runqsize=29 gfreecnt=0 timerslen=0
  P1: status=2 schedtick=0 syscalltick=9 m=nil runqsize=0 gfreecnt=3 timerslen=2
  M0: p=0 curg=18 mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning=false blocked=false lockedg=nil
  M1: p=nil curg=nil mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning=false blocked=true lockedg=nil
  M2: p=nil curg=nil mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning=false blocked=false lockedg=5
  M3: p=nil curg=nil mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning=true blocked=false lockedg=nil
  G18: status=2(sleep) m=0 lockedm=nil
  G5: status=4(chan receive) m=nil lockedm=2 name=\"worker\"
";
    assert_eq!(line(&stats, true, Some(&tasks)), expected);
    let without_tasks: String =
        expected.lines().filter(|line| !line.starts_with("  G")).map(|line| format!("{line}\n")).collect();
    assert_eq!(line(&stats, true, None), without_tasks);
}

#[test]
fn a_reader_by_key_finds_every_field() {
    let stats = golden();
    let fields = parse(&line(&stats, false, None));
    let field = |key: &str| fields.get(key).map(String::as_str);
    assert_eq!(field("gomaxprocs"), Some("4"));
    assert_eq!(field("threads"), Some("5"));
    assert_eq!(field("needspinning"), Some("1"));
    assert_eq!(field("runqueue"), Some("56"));
    assert_eq!(field(""), Some("29 17 20 170"));
    assert_eq!(field("schedticks"), Some("4 3 5 5"));
    let detail = parse(line(&stats, true, None).lines().next().unwrap());
    for key in ["gcwaiting", "nmidlelocked", "stopwait", "sysmonwait"] {
        assert!(detail.contains_key(key), "{key} is missing");
    }
}

#[test]
fn dead_ps_are_left_out_and_spares_are_not() {
    let mut stats = golden();
    stats.processors[1].state = ProcessorState::Dead;
    stats.processors[3].state = ProcessorState::Spare;
    let fields = parse(&line(&stats, false, None));
    assert_eq!(fields[""], "29 20 170");
    assert!(line(&stats, true, None).contains("  P3: status=1 "));
    assert!(!line(&stats, true, None).contains("  P1:"));
}

#[test]
fn the_variable_is_read_or_refused_in_one_line() {
    let request = |ms, detail| Ok(Some(Request { interval: Duration::from_millis(ms), detail }));
    assert_eq!(Request::parse("1000"), request(1000, false));
    assert_eq!(Request::parse("250,detail"), request(250, true));
    assert_eq!(Request::parse("250, scheddetail=1"), request(250, true));
    assert_eq!(Request::parse("0"), Ok(None));
    assert_eq!(Request::parse(""), Ok(None));
    for wrong in ["soon", "-1", "1000,loud", "1s"] {
        let error = Request::parse(wrong).unwrap_err();
        assert!(error.contains(wrong) && error.contains("1000,detail") && !error.contains('\n'), "{error}");
    }
}
