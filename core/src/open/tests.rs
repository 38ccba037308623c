use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

const EVERY_LINKS: [Links; 3] = [Links::Follow, Links::Trusted, Links::TrustedNotLast];

fn fifo(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
}

#[test]
fn a_fifo_a_socket_a_device_and_a_directory_are_named_and_not_opened() {
    let place = TempDir::new().unwrap();
    let (pipe, socket) = (place.path().join("pipe"), place.path().join("socket"));
    fifo(&pipe);
    let _listener = UnixListener::bind(&socket).unwrap();
    for links in EVERY_LINKS {
        for (path, kind) in [
            (&*pipe, "a FIFO"),
            (&*socket, "a socket"),
            (Path::new("/dev/tty"), "a device"),
            (place.path(), "a directory"),
        ] {
            for how in [How::read(links), How::append(links).or_create(0o600), How::read_write(links)] {
                assert_eq!(open(path, how).unwrap_err(), Refused::Kind(kind), "{path:?} {how:?}");
            }
        }
        assert!(open(place.path(), How::read(links).or_directory()).is_ok());
    }
}

#[test]
fn a_file_swapped_for_a_fifo_while_it_is_opened_holds_nobody_up() {
    let place = TempDir::new().unwrap();
    let [name, file, pipe] = ["name", "file", "pipe"].map(|name| place.path().join(name));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fs::write(&file, "x").unwrap();
                fs::rename(&file, &name).unwrap();
                fifo(&pipe);
                fs::rename(&pipe, &name).unwrap();
            }
        });
        let mut seen = [0; 2];
        while seen.iter().any(|&times| times < 200) {
            match open(&name, How::read(Links::Follow)) {
                Ok(opened) => seen[0] += usize::from(opened.file.metadata().unwrap().is_file()),
                Err(why) => seen[1] += usize::from(why == Refused::Kind("a FIFO")),
            }
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_file_is_made_where_there_is_none_and_only_then() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("new");
    for links in EVERY_LINKS {
        assert!(open(&path, How::read_write(links)).unwrap_err().is_absent());
        open(&path, How::append(links).or_create(0o600)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "kept").unwrap();
        open(&path, How::read_write(links).or_create(0o600)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"kept");
        let exists = create_new(&path, Access::Append, links, 0o600).unwrap_err();
        assert_eq!(exists.errno(), Some(Errno::EEXIST));
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_link_that_leads_nowhere_yet_is_where_the_file_is_made() {
    let place = TempDir::new().unwrap();
    let (link, target) = (place.path().join("link"), place.path().join("target"));
    symlink("target", &link).unwrap();
    open(&link, How::append(Links::Trusted).or_create(0o600)).unwrap();
    assert!(fs::symlink_metadata(&target).unwrap().is_file());
    let refused = open(&link, How::append(Links::TrustedNotLast).or_create(0o600)).unwrap_err();
    assert_eq!(refused, Refused::Kind("a symbolic link"));
}

#[test]
fn our_own_links_are_followed_and_a_circle_of_them_ends() {
    let place = TempDir::new().unwrap();
    let real = place.path().join("real");
    fs::create_dir(&real).unwrap();
    fs::write(real.join("file"), "here").unwrap();
    symlink(&real, place.path().join("absolute")).unwrap();
    symlink("absolute/../absolute/./", place.path().join("relative")).unwrap();
    symlink("circle", place.path().join("circle")).unwrap();
    for links in EVERY_LINKS {
        assert_eq!(read_small(&place.path().join("relative/file"), links, 10), Ok(b"here".to_vec()));
        let circle = read_small(&place.path().join("circle/file"), links, 10).unwrap_err();
        assert_eq!(circle.errno(), Some(Errno::ELOOP));
        let no_directory = read_small(&place.path().join("relative/file/x"), links, 10).unwrap_err();
        assert_eq!(no_directory.errno(), Some(Errno::ENOTDIR));
    }
    assert_eq!(read_small(&place.path().join("relative/file"), Links::Trusted, 3), Err(Refused::TooLong(3)));
}

#[test]
fn a_link_that_another_user_has_made_is_refused_in_every_component() {
    let place = TempDir::new().unwrap();
    let real = place.path().join("real");
    fs::create_dir(&real).unwrap();
    fs::write(real.join("file"), "here").unwrap();
    for (name, target) in [("above", "real"), ("last", "real/file")] {
        let link = place.path().join(name);
        symlink(target, &link).unwrap();
        if std::os::unix::fs::lchown(&link, Some(12345), None).is_err() {
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "only root can give a link away: not to be skipped here"
            );
            eprintln!("SKIPPED: only root can give a link away");
            return;
        }
    }
    for path in ["above/file", "last"].map(|path| place.path().join(path)) {
        assert!(open(&path, How::read(Links::Follow)).is_ok());
        let refused = open(&path, How::read(Links::Trusted)).unwrap_err();
        assert!(matches!(refused, Refused::Link(_, 12345)), "{refused:?}");
    }
}

#[test]
fn a_descriptor_of_ours_is_found_by_its_name_in_proc() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("file");
    fs::write(&path, "here").unwrap();
    let file = open(&path, How::read(Links::Trusted)).unwrap().file;
    let by_number = format!("/proc/self/fd/{}", file.as_raw_fd());
    assert_eq!(read_small(Path::new(&by_number), Links::Trusted, 10), Ok(b"here".to_vec()));
}

#[test]
fn the_directories_of_a_path_are_all_that_could_have_led_it_elsewhere() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("a/file");
    fs::create_dir(place.path().join("a")).unwrap();
    fs::set_permissions(place.path().join("a"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::write(&path, "").unwrap();
    symlink("a", place.path().join("link")).unwrap();
    let ours = fs::metadata(&path).unwrap().uid();
    let (found, passed) = directories_of(&place.path().join("link/file"), Links::Trusted).unwrap();
    assert_eq!(found.ino(), fs::metadata(&path).unwrap().ino());
    let last = passed.last().unwrap();
    assert_eq!((last.path.clone(), last.uid, last.mode & 0o7777), (place.path().join("a"), ours, 0o750));
    let paths: Vec<_> = passed.iter().map(|directory| directory.path.as_path()).collect();
    assert!(paths.contains(&Path::new("/")) && paths.contains(&place.path()), "{paths:?}");
}

#[test]
fn what_the_kernel_says_is_cut_at_a_limit() {
    assert_eq!(read_proc("/proc/self/status", 5).unwrap(), b"Name:");
}
