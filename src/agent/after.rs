//! What an agent wants to be known of its calls once they are over.

use trunkline_core::after::{Disposition, Wanted};

use super::problem::{Problem, ProblemCode};
use super::spec::{AfterModelSpec, AgentSpec};
use crate::schema::Schema;

/// What is to become known of a call, and from whom.
#[derive(Clone, Debug, PartialEq)]
pub struct After {
    /// What a model is asked; nothing where calls may not be analysed.
    pub wanted: Wanted,
    /// The schema that extracted data have to fit.
    pub schema: Option<Schema>,
    /// Every label that a call may be given, by whomever.
    pub dispositions: Vec<Disposition>,
    /// Who is asked, where that is not the agent's own model.
    pub model: AfterModelSpec,
}

impl After {
    /// Of a document that was checked.
    pub(super) fn of(spec: &AgentSpec) -> Result<Self, Problem> {
        let after = &spec.after;
        let schema = after.extract.as_ref().map(Schema::parse).transpose();
        let schema = schema.map_err(|problem| schema_problem(&problem))?;
        let dispositions = after.dispositions.iter().map(|one| Disposition {
            label: one.label.clone(),
            description: one.description.clone(),
        });
        let dispositions: Vec<Disposition> = dispositions.collect();
        let may_analyse = spec.recording.record && spec.recording.analytics;
        let wanted = Wanted {
            language: spec.tongue(),
            summary: after.summary,
            summary_instructions: after.summary_instructions.clone().unwrap_or_default(),
            extract: after.extract.clone(),
            success: after.success.clone(),
            dispositions: dispositions.clone(),
        };
        Ok(Self {
            wanted: if may_analyse {
                wanted
            } else {
                Wanted::default()
            },
            schema,
            dispositions,
            model: after.model.clone(),
        })
    }

    /// Whether a call may be given this label.
    pub fn has_label(&self, label: &str) -> bool {
        self.dispositions.iter().any(|one| one.label == label)
    }
}

/// What is wrong with the schema of the data that are wanted.
pub(super) fn schema_problem(problem: &crate::schema::SchemaProblem) -> Problem {
    let pointer = format!("/after/extract{}", problem.path);
    Problem::new(pointer, ProblemCode::BadFormat, problem.what.clone())
}
