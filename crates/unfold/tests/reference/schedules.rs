use unfold::nn::{Schedule, Scheduler};

use crate::cases;

#[test]
fn schedules() {
    for case in &cases(include_str!("schedule.json")) {
        let schedule: Schedule = case.setting("config");
        let factors: Vec<f64> = if let Schedule::Plateau { .. } = schedule {
            let mut scheduler = Scheduler::new(schedule, 1);
            let observed = case.values("metrics").iter().map(|&metric| {
                scheduler.observe(metric);
                scheduler.factor(0)
            });
            observed.collect()
        } else {
            let steps = case.values("factors").len();
            let scheduler = Scheduler::new(schedule, case.setting("total_steps"));
            (0..steps).map(|step| scheduler.factor(step)).collect()
        };
        case.check("factors", &factors);
    }
}
