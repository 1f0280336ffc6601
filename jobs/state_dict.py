#!/usr/bin/env python3
"""Converts a checkpoint to a PyTorch state_dict, and a state_dict to a file for --init.

    jobs/state_dict.py to-pytorch fashion_mlp.h5 fashion_mlp.pt
    jobs/state_dict.py to-ridgeline model.pt init.h5 --rename features.0=conv1

A checkpoint's /model/OUTER/INNER/NAME is a state_dict's OUTER.INNER.NAME. Needs h5py and numpy, and
torch for PyTorch's own files alone: a name that ends in .npz is a NumPy archive of the same arrays.
If the Python that runs this script lacks them, another python3 on PATH that has them is started instead.

Exit status: 0 done, 1 the result could not be written, 2 the request was wrong (a missing or damaged
file, an array of another type …). An error is one line on standard error and leaves the target as it was.
"""
import argparse
import contextlib
import ctypes
import importlib
import io
import math
import os
import reprlib
import resource
import secrets
import signal
import stat
import subprocess
import sys
import unicodedata
import warnings
import zipfile

try:
    import h5py
    import numpy
except Exception:  # a package built for another numpy raises more than ImportError
    if __name__ != "__main__":
        raise
    # main() looks for a Python that has them.

# Parameters whose own names hold a dot: those of PyTorch's MultiheadAttention.
DOTTED_NAMES = ("out_proj.weight", "out_proj.bias")
# A layer with this parameter is an attention layer.
ATTENTION_WEIGHT = "in_proj_weight"
# PyTorch's number of batches that batch_norm has seen, which is not needed here.
LEFT_OUT = "num_batches_tracked"
# Deflate encodes at most 258 bytes in 2 bits.
DEFLATE_FACTOR = 1032
# Set for a Python that this script started instead of the first; it does not start another.
STARTED_AGAIN = "RIDGELINE_STATE_DICT_STARTED_AGAIN"


def first_line(error):
    """Returns the reason that a library or the system gives."""
    return getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]


class ConversionError(Exception):
    """An error message of one line, and the exit status."""

    def __init__(self, message, status=2):
        super().__init__(message)
        self.status = status


# Keys and values


def parameter_paths(keys):
    """Returns the paths below /model of a state_dict's keys: `fc1.weight` is `fc1/weight`."""
    keys = list(keys)
    known = set(keys)
    paths = {}
    for key in keys:
        parts = key.split(".")
        layer = ".".join(parts[:-2])
        if ".".join(parts[-2:]) in DOTTED_NAMES and f"{layer}.{ATTENTION_WEIGHT}" in known:
            parts = parts[:-2] + [".".join(parts[-2:])]
        if len(parts) < 2:
            raise ConversionError(f"{key}: is a parameter of no layer; name one with "
                                  f"--rename {key}=LAYER.{key}")
        if any(part in ("", "..") or "/" in part for part in parts):
            raise ConversionError(f"{key}: has a part that cannot be the name of a layer")
        paths[key] = "/".join(parts)
    groups = {}
    for key, path in paths.items():
        names = path.split("/")
        groups.update({"/".join(names[:depth]): key for depth in range(1, len(names))})
    for key, path in paths.items():
        if path in groups:
            raise ConversionError(f"{key}: is a parameter, and a layer to {groups[path]}")
    return paths


def state_dict_key(path):
    """Returns the key of a parameter at `path` below /model."""
    return path.strip("/").replace("/", ".")


def renamed(keys, renames):
    """Returns new keys by old ones; `renames` are pairs of leading parts, the first that matches is used."""
    result, origins, used = {}, {}, set()
    for key in keys:
        new = key
        for i, (old, name) in enumerate(renames):
            if key == old or key.startswith(old + "."):
                new = name + key[len(old):]
                used.add(i)
                break
        if new in origins:
            raise ConversionError(f"{origins[new]} and {key}: would both be {new}")
        result[key], origins[new] = new, key
    for i, (old, _) in enumerate(renames):
        if i not in used:
            raise ConversionError(f"--rename {old}: no parameter begins with it")
    return result


def to_state_dict(parameters, prefix="", renames=()):
    """Converts arrays by path below /model to a state_dict's arrays."""
    arrays = {}
    for path, array in parameters.items():
        key = state_dict_key(path)
        check_text(f"/model/{path}")
        if key in arrays:
            raise ConversionError(f"/model/{path}: another parameter would be {key} too")
        arrays[key] = checked(f"/model/{path}", array)
    keys = renamed(arrays, renames)
    for path in parameters:
        layer, key = path.rpartition("/")[0], state_dict_key(path)
        if "." in layer and keys[key] == key:
            raise ConversionError(f"/model/{layer}: has a dot in its name, which a key could not tell "
                                  f"from a layer inside another; --rename {state_dict_key(layer)}=NAME")
    begin = prefix.rstrip(".") + "." if prefix else ""
    return {begin + keys[key]: array for key, array in arrays.items()}


def to_parameters(arrays, prefix="", renames=()):
    """Converts a state_dict's arrays to arrays by path below /model."""
    for key in arrays:
        check_text(key)
    begin = prefix.rstrip(".") + "." if prefix else ""
    chosen = {key[len(begin):]: array for key, array in arrays.items()
              if key.startswith(begin) and key.split(".")[-1] != LEFT_OUT}
    if not chosen:
        raise ConversionError(f"no parameter begins with {begin}" if begin else "holds no parameters")
    keys = renamed(chosen, renames)
    chosen = {keys[key]: checked(key, array) for key, array in chosen.items()}
    return {path: chosen[key] for key, path in parameter_paths(chosen).items()}


def check_text(text):
    """Rejects characters that would break a line or that UTF-8 cannot encode."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise ConversionError(f"{text}: holds the character U+{ord(character):04X}, which no name may "
                                  "hold")


def check_type(key, dtype):
    if dtype.kind != "f" or dtype.itemsize > 8:
        raise ConversionError(f"{key}: holds {dtype}; a parameter is of float32 or float64")


def checked(key, array):
    """Returns the array as little-endian float32 or float64; rejects values that are not finite."""
    check_type(key, array.dtype)
    array = array.astype("<f8" if array.dtype.itemsize == 8 else "<f4", copy=False)
    if not numpy.isfinite(array).all():
        raise ConversionError(f"{key}: holds a value that is not finite")
    return array


# HDF5


def objects_of(opened):
    """Returns every group and dataset by its absolute path. A checkpoint is one file: links that could lead
    out of it, and data in other files, are rejected before anything follows them."""
    found, pending = {"/": opened["/"]}, ["/"]
    groups = {opened["/"]}
    while pending:
        parent = pending.pop()
        for name in found[parent]:
            path = f"{parent.rstrip('/')}/{name}"
            if not isinstance(found[parent].get(name, getlink=True), h5py.HardLink):
                raise ConversionError(f"{path}: is a soft or external link, which a checkpoint may not have")
            item = found[path] = found[parent][name]
            if isinstance(item, h5py.Group):
                if item in groups:
                    raise ConversionError(f"{path}: is a second name of a group")
                groups.add(item)
                pending.append(path)
            elif isinstance(item, h5py.Dataset):
                properties = item.id.get_create_plist()
                if properties.get_layout() == h5py.h5d.VIRTUAL or properties.get_external_count():
                    raise ConversionError(f"{path}: is a virtual dataset or lies in another file, which a "
                                          "checkpoint may not have")
            else:
                raise ConversionError(f"{path}: is neither a group nor a dataset")
    return found


def dataset_values(path, dataset):
    """Returns all values as they are stored. Checks before allocation that the file can hold them."""
    kind, shape = dataset.dtype, dataset.shape
    if kind.kind not in "fiuS" or shape is None:
        raise ConversionError(f"{path}: holds {kind if shape is not None else 'nothing'}; a checkpoint's "
                              "values are numbers or texts of fixed length")
    chunk = dataset.chunks
    if chunk is not None and len(chunk) != len(shape):  # HDF5 1.10 would not stop reading it
        raise ConversionError(f"{path}: is damaged: its chunks have another rank than its shape")
    properties, factor = dataset.id.get_create_plist(), 1
    for i in range(properties.get_nfilters()):
        number, _, _, name = properties.get_filter(i)
        if number == h5py.h5z.FILTER_DEFLATE:
            factor = DEFLATE_FACTOR
        elif number not in (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32):
            raise ConversionError(f"{path}: is stored with the filter {name.decode(errors='replace')}; "
                                  "only gzip (deflate), shuffle and fletcher32 are read")
    # A chunk is decoded as a whole, however little of it the dataset's shape covers.
    values = math.prod(shape)
    claim = dataset.id.get_type().get_size() * (max(values, math.prod(chunk)) if values and chunk else values)
    storage = min(dataset.id.get_storage_size(), dataset.file.id.get_filesize())
    if claim > storage * factor:
        raise ConversionError(f"{path}: claims {claim} bytes, which {storage} stored bytes cannot hold")
    result = numpy.zeros(shape, kind)
    try:
        if result.size:
            dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, result)
    except OSError as error:
        raise ConversionError(f"{path}: cannot be read: {first_line(error)}") from None
    return result


def attribute_values(path, item, name):
    """Returns all values of an attribute as they are stored."""
    attribute = item.attrs.get_id(name)
    kind, shape = attribute.dtype, attribute.shape
    if kind.kind not in "fiuS" or attribute.get_space().get_simple_extent_type() == h5py.h5s.NULL:
        raise ConversionError(f"{path}@{name}: holds {kind}; a checkpoint's values are numbers or texts of "
                              "fixed length")
    if math.prod(shape) * kind.itemsize > item.file.id.get_filesize():
        raise ConversionError(f"{path}@{name}: claims more bytes than the file has")
    result = numpy.zeros(shape, kind)
    if result.size:
        attribute.read(result)
    return result


class Xxh3:
    """XXH3-128 of the library libxxhash, with the interface of the module xxhash."""

    class Result(ctypes.Structure):
        _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]

    def __init__(self):
        library = ctypes.CDLL("libxxhash.so.0")
        library.XXH3_createState.restype = ctypes.c_void_p
        library.XXH3_128bits_reset.argtypes = [ctypes.c_void_p]
        library.XXH3_128bits_update.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        library.XXH3_128bits_digest.argtypes = [ctypes.c_void_p]
        library.XXH3_128bits_digest.restype = Xxh3.Result
        self.library, self.state = library, library.XXH3_createState()
        library.XXH3_128bits_reset(self.state)

    def update(self, data):
        self.library.XXH3_128bits_update(self.state, data, len(data))

    def hexdigest(self):
        result = self.library.XXH3_128bits_digest(self.state)
        return f"{result.high:016x}{result.low:016x}"


def new_hash():
    """Returns an empty XXH3-128 state, or None if neither module nor library has it."""
    with contextlib.suppress(ImportError, AttributeError):
        return importlib.import_module("xxhash").xxh3_128()
    with contextlib.suppress(OSError, AttributeError):  # none, or one from before version 0.8
        return Xxh3()
    return None


def checkpoint_digest(opened):
    """Returns the digest of an open checkpoint, `xxh3-128:HEX`, or None if XXH3 is not available.

    HEX is the XXH3-128 (seed 0) in 32 lowercase hexadecimal digits, the high 64 bits first, of one
    entry per dataset and per attribute, except the root's attribute `digest`. The entries are joined
    in the ascending order of their paths' UTF-8 bytes. An entry is

        path 00 type 00 shape 00 values

    - path: of a dataset `/model/fc1/weight`; of an attribute its object's path, @ and its name,
      `/state@epoch`, `/@format`.
    - type: NumPy's without the byte order: f4, f8, i8, u1, or S12 for texts of 12 stored bytes.
    - shape: decimal extents joined by commas, `64,100`; empty for a scalar.
    - values: all of them, little-endian and row-major; a text is padded with zero bytes.
    """
    digest = new_hash()
    if digest is None:
        return None
    entries = []
    for path, item in objects_of(opened).items():
        if isinstance(item, h5py.Dataset):
            entries.append((path, lambda path=path, item=item: dataset_values(path, item)))
        for name in item.attrs:
            if (path, name) != ("/", "digest"):
                entries.append((f"{path}@{name}", lambda path=path, item=item, name=name:
                                attribute_values(path, item, name)))
    entries = [(path.encode("utf-8", "surrogateescape"), values_of) for path, values_of in entries]
    for path, values_of in sorted(entries, key=lambda entry: entry[0]):
        values = values_of()
        shape = ",".join(map(str, values.shape))
        digest.update(b"%b\0%b\0%b\0" % (path, values.dtype.str[1:].encode(), shape.encode()))
        digest.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    return f"xxh3-128:{digest.hexdigest()}"


def check_whole(opened):
    """Rejects a checkpoint of another version, and one whose content does not match its digest. A
    file with /model alone has neither."""
    def stated(name):
        return attribute_values("/", opened["/"], name).ravel()[0]

    version = stated("version") if "format" in opened.attrs else 0
    if "format" in opened.attrs and not 1 <= version <= 3:
        raise ConversionError(f"/@version: is {version}; this script reads 1 to 3")
    if "digest" not in opened.attrs:
        if version < 2:
            return
        raise ConversionError(f"/@digest: is missing; a checkpoint of version {version} has one")
    expected, found = stated("digest"), checkpoint_digest(opened)
    if found is None:
        print_line(f"warning: {opened.filename}: its digest was not checked: there is neither Python's "
                   "module xxhash nor libxxhash.so.0 (Debian: python3-xxhash)")
    elif expected != found.encode():
        raise ConversionError("/@digest: is not the digest of the content: the file is damaged, or was "
                              "changed after it was written")


def read_checkpoint(file):
    """Returns arrays by path below /model."""
    with h5py.File(file, "r") as opened:
        objects = objects_of(opened)
        check_whole(opened)
        if not isinstance(objects.get("/model"), h5py.Group):
            raise ConversionError("/model is missing: the file holds no network")
        parameters = {}
        for path, item in objects.items():
            if path.startswith("/model/") and isinstance(item, h5py.Dataset):
                check_type(path, item.dtype)
                parameters[path[len("/model/"):]] = dataset_values(path, item)
    if not parameters:
        raise ConversionError("/model holds no parameters")
    return parameters


def check_in_child(file):
    """Reads in a child process first: HDF5 divides by zero on some damaged files."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):  # the parent gets the same error, and reports it
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            read_checkpoint(file)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        raise ConversionError("cannot be read: it is damaged so that HDF5 ends with "
                              f"{signal.Signals(os.WTERMSIG(status)).name}")


def init_file(parameters):
    """Returns the bytes of a file with /model alone."""
    contents = io.BytesIO()
    with h5py.File(contents, "w", libver=("earliest", "v110")) as opened:
        for path, array in parameters.items():
            opened[f"model/{path}"] = array
    return contents.getbuffer()


# PyTorch and NumPy


def read_state_dict(file):
    """Returns arrays by key, of a PyTorch file or of a NumPy archive."""
    return read_archive(file) if is_archive(file) else read_pytorch(file)


def read_archive(file):
    if not zipfile.is_zipfile(file):
        raise ConversionError("is not a NumPy archive of arrays with names; save with numpy.savez")
    with numpy.load(file, allow_pickle=False) as archive:
        arrays = {}
        for key in archive.files:
            array = archive[key]
            if not isinstance(array, numpy.ndarray):
                raise ConversionError(f"{key}: is not an array; save with numpy.savez")
            if key in arrays:
                raise ConversionError(f"{key}: is there twice")
            arrays[key] = array
    return arrays


def read_pytorch(file):
    import torch

    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise ConversionError("is a whole TorchScript network; save model.state_dict()")
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception:  # of many types; their texts name PyTorch's inner functions
        raise ConversionError("is not a PyTorch file of tensors alone, which a state_dict is, or is damaged; "
                              "save model.state_dict()") from None
    if not isinstance(loaded, dict):
        raise ConversionError(f"holds no state_dict, but a {type(loaded).__name__}")
    arrays = {}
    for key, value in loaded.items():
        if not isinstance(key, str):
            raise ConversionError(f"holds no state_dict: its key {reprlib.repr(key)} is of type "
                                  f"{type(key).__name__}, and no text")
        if not isinstance(value, torch.Tensor):
            raise ConversionError(f"holds no state_dict: its entry {key} is of type "
                                  f"{type(value).__name__}; save model.state_dict() alone")
        arrays[key] = array_of(torch, key, value.detach())
    return arrays


def array_of(torch, key, tensor):
    kind = ("nested" if tensor.is_nested else "quantised" if tensor.is_quantized else
            "sparse" if tensor.layout != torch.strided else
            tensor.device.type if tensor.device.type != "cpu" else None)
    if kind:
        raise ConversionError(f"{key}: is a {kind} tensor; a parameter is dense, of float32 or float64")
    if tensor.dtype == torch.bfloat16:  # NumPy lacks it, and float32 represents every value
        tensor = tensor.float()
    try:
        return tensor.resolve_neg().numpy()
    except (TypeError, RuntimeError):
        raise ConversionError(f"{key}: holds {str(tensor.dtype).split('.')[-1]}; a parameter is of float32 "
                              "or float64") from None


def state_dict_file(arrays, name):
    """Returns the bytes of a file of this name."""
    contents = io.BytesIO()
    if is_archive(name):
        numpy.savez(contents, **arrays)
    else:
        import torch

        torch.save({key: torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
                    for key, array in arrays.items()}, contents)
    return contents.getbuffer()


def is_archive(file):
    return str(file).endswith(".npz")


# Files


def check_source(file):
    """Rejects anything but a regular file; opening a pipe would block."""
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            raise ConversionError(f"{file}: is not a regular file")
        with open(file, "rb"):
            pass
    except FileNotFoundError:
        raise ConversionError(f"{file}: no such file") from None
    except OSError as error:
        raise ConversionError(f"{file}: cannot be read: {error.strerror}") from None


def check_target(file, source):
    """Rejects a target that cannot be written or is the source, under any name."""
    folder, name = os.path.split(os.path.realpath(file))
    try:
        status = os.stat(file)
        if not stat.S_ISREG(status.st_mode):
            raise ConversionError(f"{file}: is not a regular file")
        if os.path.samestat(status, os.stat(source)):
            raise ConversionError(f"{file}: is also the file that is read")
    except FileNotFoundError:
        if os.path.islink(file):
            raise ConversionError(f"{file}: is a symbolic link to no file") from None
        if not os.path.isdir(folder) or not os.path.basename(file):
            raise ConversionError(f"{file}: cannot be written: there is no such folder") from None
    except OSError as error:
        raise ConversionError(f"{file}: cannot be written: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK) or (os.path.exists(file) and not os.access(file, os.W_OK)):
        raise ConversionError(f"{file}: cannot be written: permission denied")


def read(file, how):
    """Returns what `how` reads; every failure is one line that names the file."""
    try:
        return how(file)
    except ConversionError as error:
        raise ConversionError(f"{file}: {error}", error.status) from None
    except MemoryError:
        raise ConversionError(f"{file}: cannot be read: there is not enough memory", status=1) from None
    except Exception as error:  # three libraries read a damaged file, and raise all kinds
        raise ConversionError(f"{file}: cannot be read: {first_line(error)}") from None


def write(file, contents_of):
    """Writes beside `file` and renames, so that the file is complete or absent. The bytes are prepared in
    memory, because neither HDF5 nor PyTorch handles a full disk well."""
    target = os.path.realpath(file)  # a symbolic link stays
    partial = f"{target}.{os.getpid()}-{secrets.token_hex(4)}.partial"
    try:
        contents = contents_of()
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        try:
            with open(descriptor, "wb") as opened:
                if os.path.exists(target):
                    os.fchmod(descriptor, stat.S_IMODE(os.stat(target).st_mode))
                opened.write(contents)
                opened.flush()
                os.fsync(descriptor)
            os.replace(partial, target)
        except BaseException:
            os.unlink(partial)
            raise
    except MemoryError:
        raise ConversionError(f"{file}: cannot be written: there is not enough memory", status=1) from None
    except Exception as error:
        raise ConversionError(f"{file}: cannot be written: {first_line(error)}", status=1) from None
    # The new name survives a power failure once the folder is on the disk; not every file system supports
    # this.
    with contextlib.suppress(OSError):
        folder = os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)


# The command


class Parser(argparse.ArgumentParser):
    def error(self, message):
        fail(f"{message}; see --help")


def print_line(message):
    """Prints one line on standard error, whatever characters a name contains."""
    line = "".join(character if character.isprintable() else
                   character.encode("unicode_escape").decode() for character in message)
    with contextlib.suppress(OSError):  # closed, or full
        os.write(2, f"{line}\n".encode())


def fail(message, status=2):
    print_line(f"state_dict.py: {message}")
    sys.exit(status)


def text(argument):
    try:
        check_text(argument)
    except ConversionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return argument


def rename(argument):
    old, equals, new = text(argument).partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"{argument}: must be OLD=NEW, leading parts of a key")
    return old, new


def parser():
    top = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="to-pytorch | to-ridgeline")
    for verb, source, target, prefix in (
            ("to-pytorch", "CHECKPOINT.h5", "MODEL.pt", "put before every key"),
            ("to-ridgeline", "MODEL.pt", "INIT.h5", "taken off the keys; the others are left out")):
        one = verbs.add_parser(verb, help=f"{source} {target}")
        one.add_argument("source", type=text, metavar=source)
        one.add_argument("target", type=text, metavar=target)
        one.add_argument("--prefix", type=text, default="", metavar="NAME", help=prefix)
        one.add_argument("--rename", type=rename, action="append", default=[], metavar="OLD=NEW",
                         help="leading parts of keys, such as features.0=conv1; repeatable")
    return top


def use_python_with_modules(file):
    """Returns if this Python has the modules that `file` needs; otherwise starts the script with one that has."""
    modules = ["h5py", "numpy"] + ([] if is_archive(file) else ["torch"])
    if all(can_import(module) for module in modules):
        return
    folders = [folder for folder in os.get_exec_path() if os.path.isabs(folder)]
    pythons = [os.path.join(folder, "python3") for folder in (*folders, "/usr/bin")]
    probe = f"import sys, {', '.join(modules)}; sys.exit(sys.version_info < (3, 8))"
    for python in dict.fromkeys(pythons) if STARTED_AGAIN not in os.environ else ():
        with contextlib.suppress(OSError):
            # In a folder where no file of the user's is imported as a module.
            if subprocess.run([python, "-c", probe], cwd="/", stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                os.execve(python, [python, os.path.abspath(__file__), *sys.argv[1:]],
                          {**os.environ, STARTED_AGAIN: "1"})
    if "torch" in modules:
        fail(f"{file}: is a PyTorch file, and no python3 on PATH has h5py and torch (Debian: python3-h5py, "
             "python3-torch); a name that ends in .npz is a NumPy archive, which needs no torch")
    fail("no python3 on PATH has h5py (Debian: python3-h5py)")


def can_import(module):
    try:
        importlib.import_module(module)
    except Exception:
        return False
    return True


def main():
    # A file that is opened must not become the standard error that libraries print to.
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which removes the partial file
    warnings.simplefilter("ignore")  # an error is one line, without the libraries' own
    options = parser().parse_args()
    source, target = options.source, options.target
    try:
        check_source(source)
        check_target(target, source)
        if options.verb == "to-pytorch":
            use_python_with_modules(target)
            read(source, check_in_child)
            arrays = read(source, lambda file: to_state_dict(
                read_checkpoint(file), options.prefix, options.rename))
            write(target, lambda: state_dict_file(arrays, target))
        else:
            use_python_with_modules(source)
            parameters = read(source, lambda file: to_parameters(
                read_state_dict(file), options.prefix, options.rename))
            write(target, lambda: init_file(parameters))
    except ConversionError as error:
        fail(error, error.status)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
