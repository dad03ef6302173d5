//! Measuring speed.

use serde_json::Value;

use crate::desk::Desk;

#[test]
fn workloads_have_names() {
    let desk = Desk::new();
    let listed = desk.unfold(&["bench", "--list"]).ended(0);
    assert!(
        listed.out.contains("\nlstm_ptb_small_train\n"),
        "{}",
        listed.out
    );
    desk.unfold(&["bench", "lstm_ptb"])
        .ended(2)
        .complained(&["lstm_ptb: there is no such workload", "--list"]);
}

#[test]
fn measurements_come_a_line_each() {
    let desk = Desk::new();
    let workloads = ["textcnn_b1_infer", "bilstm_b1_infer"];
    let flags = ["--json", "--threads", "1"];
    let said = desk
        .unfold(&[&["bench"], &workloads[..], &flags].concat())
        .ended(0);
    let lines: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let above_zero = |line: &Value, keys: &[&str]| {
        for key in keys {
            assert!(line[key].as_f64() > Some(0.0), "{key}: {line}");
        }
    };
    above_zero(&lines[0], &["fma_peak_gflops", "bandwidth_gbs", "threads"]);
    for (line, workload) in lines[1..].iter().zip(workloads) {
        assert_eq!(line["workload"], workload);
        assert_eq!(line["threads"], 1);
        above_zero(
            line,
            &["median_ms", "min_ms", "gflops", "limit_ms", "of_limit"],
        );
    }
    assert_eq!(lines.len(), 1 + workloads.len());
}
