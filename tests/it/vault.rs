//! The vault: keys that open what they should, and nothing after they are gone.

use std::fs;
use std::path::Path;

use trunkline::data_folder::DataFolder;
use trunkline::ids::ClientId;
use trunkline::store::keys::KeyStoreError;
use trunkline::vault::{SubjectId, Unopened, Vault, VaultError, key_file};
use trunkline_core::phone::PhoneNumber;

fn phone(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

/// The bytes of `keys.db` and of whatever lies beside it.
fn key_store_bytes(data: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(data).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with("keys.db") {
            bytes.extend(fs::read(entry.path()).unwrap());
        }
    }
    bytes
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn what_one_vault_seals_it_opens_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let client = ClientId::new();
    let vault = Vault::init(data.path()).await.unwrap();
    let keys = vault.add_client(&client).await.unwrap();
    let number = phone("+15005550006");
    let subject = keys.subject(Some(&number)).await.unwrap();
    let (call, wrapped) = subject.new_call_key();
    let name = keys.seal(b"clients.name", b"Acme");
    let words = call.seal(b"turn 3", b"yes please");
    let (index, platform) = (
        keys.index("suppression", number.as_str()),
        vault.platform_index("api_key", "tk_1"),
    );
    let id = subject.id().clone();
    drop((vault, keys, subject, call));

    let vault = Vault::open(data.path()).await.unwrap();
    let keys = vault.client(&client).await.unwrap();
    assert_eq!(keys.open(b"clients.name", &name).unwrap(), b"Acme");
    assert_eq!(keys.open(b"clients.note", &name), Err(Unopened));
    assert_eq!(keys.index("suppression", number.as_str()), index);
    assert_ne!(keys.index("contact", number.as_str()), index);
    assert_eq!(vault.platform_index("api_key", "tk_1"), platform);
    assert_eq!(keys.subject_id(&number), id);
    assert_eq!(SubjectId::parse(id.as_str()), Some(id.clone()));
    let subject = keys.subject_by_id(&id).await.unwrap();
    let call = subject.open_call_key(&wrapped).unwrap();
    assert_eq!(call.open(b"turn 3", &words).unwrap(), b"yes please");
}

#[tokio::test]
async fn neither_clients_nor_people_open_each_others_things() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::init(data.path()).await.unwrap();
    let (one, two) = (ClientId::new(), ClientId::new());
    let one = vault.add_client(&one).await.unwrap();
    let two = vault.add_client(&two).await.unwrap();
    let number = phone("+15005550006");
    assert_eq!(two.open(b"", &one.seal(b"", b"x")), Err(Unopened));
    assert_ne!(one.index("p", "x"), two.index("p", "x"));
    let (of_one, of_two) = (
        one.subject(Some(&number)).await.unwrap(),
        two.subject(Some(&number)).await.unwrap(),
    );
    assert_ne!(of_one.id(), of_two.id());
    let (_, wrapped) = of_one.new_call_key();
    assert!(of_one.open_call_key(&wrapped).is_ok());
    assert!(of_two.open_call_key(&wrapped).is_err());
    assert!(matches!(
        two.subject_by_id(of_one.id()).await,
        Err(VaultError::Forgotten)
    ));
    // Whoever gives no number is somebody new each time.
    let nobody = one.subject(None).await.unwrap();
    assert_ne!(nobody.id(), one.subject(None).await.unwrap().id());
    assert!(one.subject_by_id(nobody.id()).await.is_ok());
    let again = vault.add_client(one.id()).await;
    assert!(matches!(again, Err(VaultError::ClientPresent { .. })));
    let stranger = vault.client(&ClientId::new()).await;
    assert!(matches!(stranger, Err(VaultError::NoClient { .. })));
}

#[tokio::test]
async fn a_number_seen_by_many_at_once_has_one_key() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::init(data.path()).await.unwrap();
    let keys = vault.add_client(&ClientId::new()).await.unwrap();
    let number = phone("+15005550006");
    let (a, b, c) = tokio::join!(
        keys.subject(Some(&number)),
        keys.subject(Some(&number)),
        keys.subject(Some(&number))
    );
    let sealed = a.unwrap().seal(b"", b"x");
    for subject in [b, c] {
        assert_eq!(subject.unwrap().open(b"", &sealed).unwrap(), b"x");
    }
}

#[tokio::test]
async fn nothing_of_a_deleted_key_is_left_on_disk() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::init(data.path()).await.unwrap();
    let client = ClientId::new();
    let keys = vault.add_client(&client).await.unwrap();
    let mut subjects = Vec::new();
    for last in 0..40 {
        let number = phone(&format!("+1500555{last:04}"));
        subjects.push(keys.subject(Some(&number)).await.unwrap());
    }
    let gone = &subjects[17];
    let sealed = gone.seal(b"", b"x");
    let store = trunkline::store::keys::KeyStore::open(&data.path().join("keys.db"))
        .await
        .unwrap();
    let wrapped = store
        .subject(&client, gone.id().as_str())
        .await
        .unwrap()
        .unwrap();
    let stays = store
        .subject(&client, subjects[18].id().as_str())
        .await
        .unwrap()
        .unwrap();
    let of_client = store.client(&client).await.unwrap().unwrap();
    store.close().await;
    assert!(
        contains(&key_store_bytes(data.path()), &wrapped),
        "the test sees keys"
    );

    assert!(vault.forget_subject(&client, gone.id()).await.unwrap());
    let bytes = key_store_bytes(data.path());
    assert!(!contains(&bytes, &wrapped) && !contains(&bytes, &wrapped[13..]));
    assert!(!contains(&bytes, gone.id().as_str().as_bytes()));
    assert!(contains(&bytes, &stays));
    assert!(!vault.forget_subject(&client, gone.id()).await.unwrap());
    let lost = keys.subject_by_id(gone.id()).await;
    assert!(matches!(lost, Err(VaultError::Forgotten)));
    // The same number later is a stranger with the same id.
    let anew = keys.subject(Some(&phone("+15005550017"))).await.unwrap();
    assert_eq!(anew.id(), gone.id());
    assert_eq!(anew.open(b"", &sealed), Err(Unopened));

    assert!(vault.forget_client(&client).await.unwrap());
    let bytes = key_store_bytes(data.path());
    assert!(!contains(&bytes, &stays) && !contains(&bytes, &of_client));
    assert!(!contains(&bytes, client.as_str().as_bytes()));
    assert!(matches!(
        vault.client(&client).await,
        Err(VaultError::NoClient { .. })
    ));
}

#[tokio::test]
async fn init_replaces_nothing_and_finishes_what_it_began() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::init(data.path()).await.unwrap();
    let client = ClientId::new();
    vault.add_client(&client).await.unwrap();
    drop(vault);
    let key = fs::read(key_file(data.path())).unwrap();
    let again = Vault::init(data.path()).await.unwrap_err();
    assert!(matches!(
        again,
        VaultError::Store(KeyStoreError::Present { .. })
    ));
    // The store is lost: the key is still not replaced.
    let store = data.path().join("keys.db");
    fs::rename(&store, data.path().join("saved")).unwrap();
    let again = Vault::init(data.path()).await.unwrap_err();
    assert!(matches!(again, VaultError::KeyPresent { .. }), "{again}");
    assert_eq!(fs::read(key_file(data.path())).unwrap(), key);
    // Stopped behind the key file, before the store came into place.
    fs::rename(data.path().join("saved"), data.path().join("keys.db.next")).unwrap();
    let vault = Vault::init(data.path()).await.unwrap();
    vault.client(&client).await.unwrap();
    // Stopped before the key file came into place.
    let data = tempfile::tempdir().unwrap();
    fs::create_dir(data.path().join("vault")).unwrap();
    fs::write(data.path().join("vault/kek.next"), "half").unwrap();
    fs::write(data.path().join("keys.db.next"), "half").unwrap();
    fs::write(data.path().join("keys.db.next-wal"), "half").unwrap();
    Vault::init(data.path()).await.unwrap();
    assert!(!data.path().join("vault/kek.next").exists());
}

#[tokio::test]
async fn a_new_key_file_opens_what_the_old_one_did() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::init(data.path()).await.unwrap();
    let client = ClientId::new();
    let keys = vault.add_client(&client).await.unwrap();
    let subject = keys.subject(None).await.unwrap();
    let sealed = subject.seal(b"", b"x");
    let index = keys.index("p", "x");
    drop(vault);
    let old = fs::read(key_file(data.path())).unwrap();
    let vault = Vault::rekey(data.path()).await.unwrap();
    let new = fs::read(key_file(data.path())).unwrap();
    assert_ne!(old, new);
    let keys = vault.client(&client).await.unwrap();
    let again = keys.subject_by_id(subject.id()).await.unwrap();
    assert_eq!(again.open(b"", &sealed).unwrap(), b"x");
    assert_eq!(keys.index("p", "x"), index, "numbers are found as before");
    drop(vault);

    // Stopped before the new file took the place of the old one.
    fs::rename(
        key_file(data.path()),
        data.path().join("vault").join("kek.next"),
    )
    .unwrap();
    write_key(data.path(), &old);
    let vault = Vault::open(data.path()).await.unwrap();
    vault.client(&client).await.unwrap();
    assert_eq!(fs::read(key_file(data.path())).unwrap(), new);
    drop(vault);

    // The old key alone opens nothing any more.
    write_key(data.path(), &old);
    let error = Vault::open(data.path()).await.unwrap_err();
    assert!(matches!(error, VaultError::WrongKey { .. }), "{error}");
}

fn write_key(data: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = key_file(data);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_a_key_file_is_said_with_its_remedy() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = tempfile::tempdir().unwrap();
    let said = async || Vault::open(data.path()).await.unwrap_err().to_string();
    assert!(said().await.contains("trunkline init"));
    drop(Vault::init(data.path()).await.unwrap());
    let path = key_file(data.path());
    assert_eq!(
        (mode(&path), mode(path.parent().unwrap())),
        (0o600, 0o700),
        "its owner alone can read it"
    );
    assert_eq!(mode(&data.path().join("keys.db")), 0o600);
    let key = fs::read_to_string(&path).unwrap();
    let secret = key
        .lines()
        .find_map(|line| line.strip_prefix("key "))
        .unwrap();
    let mut seen = Vec::new();

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    seen.push((said().await, "chmod 600"));
    fs::remove_file(&path).unwrap();
    seen.push((said().await, "restore it from your safe"));
    write_key(data.path(), b"");
    seen.push((said().await, "restore it from your safe"));
    write_key(data.path(), b"\xff\xfe\x00");
    seen.push((said().await, "not text"));
    write_key(data.path(), &key.as_bytes()[..key.len() / 2]);
    seen.push((said().await, "whole key file"));
    let other = tempfile::tempdir().unwrap();
    drop(Vault::init(other.path()).await.unwrap());
    write_key(data.path(), &fs::read(key_file(other.path())).unwrap());
    seen.push((said().await, "restore that one from your safe"));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    seen.push((said().await, "chmod 600"));
    for (said, remedy) in seen {
        assert!(
            said.contains(remedy),
            "{said:?} does not say what to do: {remedy:?}"
        );
        assert!(
            said.contains(path.to_str().unwrap()),
            "{said:?} does not say where"
        );
        assert!(
            !said.contains(secret),
            "an error must not give away the key"
        );
    }
}

#[tokio::test]
async fn a_key_store_that_is_none_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::init(data.path()).await.unwrap();
    let keys = vault.add_client(&ClientId::new()).await.unwrap();
    for last in 0..200 {
        let number = phone(&format!("+1500555{last:04}"));
        keys.subject(Some(&number)).await.unwrap();
    }
    drop((vault, keys));
    let path = data.path().join("keys.db");
    drop(Vault::open(data.path()).await.unwrap());
    for suffix in ["-wal", "-shm"] {
        let beside = data.path().join(format!("keys.db{suffix}"));
        if beside.exists() {
            fs::remove_file(beside).unwrap();
        }
    }
    let whole = fs::read(&path).unwrap();
    assert!(
        whole.len() > 3 * 4_096,
        "enough pages for the middle to be cut out"
    );
    let mut bent = whole.clone();
    let middle = bent.len() - 6_000;
    bent[middle..middle + 3_000].fill(0xAA);
    for (what, bytes) in [
        ("cut in the middle", &whole[..whole.len() / 2]),
        ("cut within a page", &whole[..whole.len() - 1_000]),
        ("cut within the head", &whole[..50]),
        ("empty", &[][..]),
        (
            "another file",
            &b"this was never a database, but it is long enough to be one"[..],
        ),
        ("overwritten", &bent[..]),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = Vault::open(data.path()).await.expect_err(what);
        let said = error.to_string();
        let damaged = matches!(error, VaultError::Store(KeyStoreError::Damaged { .. }));
        assert!(damaged, "{what}: {error:?}");
        assert!(
            said.contains("keys.db") && said.contains("backup"),
            "{what}: {said}"
        );
    }
    fs::remove_file(&path).unwrap();
    let error = Vault::open(data.path()).await.unwrap_err();
    assert!(matches!(
        error,
        VaultError::Store(KeyStoreError::Missing { .. })
    ));
    assert!(!path.exists(), "opening makes no empty store");
    fs::write(&path, &whole).unwrap();
    Vault::open(data.path()).await.unwrap();
}

#[tokio::test]
async fn nothing_in_the_folder_can_be_read() {
    let data = tempfile::tempdir().unwrap();
    let _folder = DataFolder::lock(data.path()).unwrap();
    let vault = Vault::init(data.path()).await.unwrap();
    let keys = vault.add_client(&ClientId::new()).await.unwrap();
    let number = phone("+15005550006");
    let subject = keys.subject(Some(&number)).await.unwrap();
    for shown in [
        format!(
            "{vault:?} {keys:?} {subject:?} {:?}",
            subject.new_call_key()
        ),
        String::from_utf8_lossy(&key_store_bytes(data.path())).into_owned(),
    ] {
        assert!(!shown.contains("5005550006"));
    }
}
