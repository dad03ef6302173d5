use unfold::nn::{Schedule, Scheduler};

use crate::cases;

#[test]
fn schedules() {
    for case in &cases(include_str!("schedule.json")) {
        let schedule: Schedule = case.setting("config");
        let mut scheduler = Scheduler::new(schedule.clone());
        let factors: Vec<f64> = if let Schedule::Plateau { .. } = schedule {
            let observed = case.values("metrics").iter().map(|&metric| {
                scheduler.observe(metric);
                scheduler.factor(0, 1)
            });
            observed.collect()
        } else {
            let steps = case.values("factors").len() as u64;
            let total = case.setting("total_steps");
            (0..steps).map(|step| scheduler.factor(step, total)).collect()
        };
        case.check("factors", &factors);
    }
}
