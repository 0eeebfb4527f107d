//! Adapters that become part of a model, as arguments.

use clap::ValueEnum;
use m4c_compiler::adapter::Way;
use m4c_compiler::project::{AdapterSource, Project};
use std::path::PathBuf;

/// Adapters on the command line.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AdapterArguments {
    /// An adapter, as peft saves it, and what becomes of it; may be repeated
    ///
    /// merge adds its changes to the weights, which costs nothing when running. side computes them beside the products, so
    /// that the weights stay those of the base. Without a way, a single adapter is merged; of several, each needs one.
    #[arg(long, value_name = "DIR[=merge|side]", help_heading = "Adapters", value_parser = AdapterArgument::parse)]
    adapter: Vec<AdapterArgument>,

    /// What becomes of adapters that were exported with the model
    #[arg(long, value_name = "WAY", default_value = "merge", help_heading = "Adapters")]
    exported_adapters: WayName,
}

/// `DIR` or `DIR=WAY`.
#[derive(Clone, Debug)]
struct AdapterArgument {
    folder: PathBuf,
    way: Option<Way>,
}

impl AdapterArgument {
    fn parse(text: &str) -> Result<AdapterArgument, String> {
        let (folder, way) = match text.rsplit_once('=') {
            Some((folder, way)) => match WayName::from_str(way, false) {
                Ok(name) => (folder, Some(name.way())),
                Err(_) if !folder.is_empty() && !way.contains(std::path::is_separator) => {
                    return Err(format!("`{way}` is no way to apply an adapter: merge or side"));
                }
                Err(_) => (text, None),
            },
            None => (text, None),
        };
        if folder.is_empty() {
            return Err("it names no folder".to_owned());
        }
        Ok(AdapterArgument { folder: folder.into(), way })
    }
}

/// A way on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum WayName {
    /// Their changes are added to the weights
    Merge,
    /// They stay beside the products
    Side,
}

impl WayName {
    fn way(self) -> Way {
        match self {
            WayName::Merge => Way::Merge,
            WayName::Side => Way::Side,
        }
    }
}

impl AdapterArguments {
    /// Adds them to a project.
    pub(crate) fn add_to(&self, project: &mut Project) {
        for AdapterArgument { folder, way } in &self.adapter {
            let Some(way) = way.or((self.adapter.len() == 1).then_some(Way::Merge)) else {
                crate::usage_error(&format!(
                    "--adapter {}: there are several adapters: say =merge or =side for each",
                    folder.display()
                ));
            };
            project.adapters.push(AdapterSource { folder: folder.clone(), way });
        }
        project.exported_adapters = self.exported_adapters.way();
    }
}
