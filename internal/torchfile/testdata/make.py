# Writes the files beside it: checkpoints as programs around PyTorch write them, each with the tensors of a small network.
#   python3 make.py     (files of torch 1.13, numpy 1.24, Python 3.11)
import argparse, collections, datetime, enum, functools, pathlib, types, warnings
import numpy, torch
warnings.simplefilter('ignore')

weight = torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4
bias = torch.tensor([-1., 2.])
net = collections.OrderedDict([('fc.weight', weight), ('fc.bias', bias)])
prefixed = lambda p: collections.OrderedDict((p + k, v) for k, v in net.items())

class Dict(collections.OrderedDict): pass
class Mode(enum.Enum): EVAL = 1
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 2)

def save(name, obj, **options): torch.save(obj, name, **options)

hyper = argparse.Namespace(lr=.1, steps=[1, 2], nested=argparse.Namespace(x=None))
save('lightning.ckpt', {'epoch': 3, 'global_step': 12, 'pytorch-lightning_version': '1.9.0', 'state_dict': prefixed('model.'),
    'loops': {'fit_loop': {'state_dict': {}, 'epoch_progress': {'total': {'ready': 1}}}},
    'callbacks': {"ModelCheckpoint{'monitor': 'acc'}": {'best_model_score': torch.tensor(91.5), 'dirpath': '/x', 'best_k_models': {}}},
    'optimizer_states': [{'state': {0: {'momentum_buffer': weight}}, 'param_groups': [{'lr': .1, 'params': [0]}]}],
    'lr_schedulers': [{'milestones': collections.Counter({3: 1}), '_last_lr': [.1]}],
    'hparams_name': 'kwargs', 'hyper_parameters': {'args': hyper, 'act': torch.nn.ReLU()}})
save('timm.pth.tar', {'epoch': 9, 'arch': 'resnet20', 'state_dict': net, 'optimizer': {}, 'version': 2, 'args': hyper,
    'amp_scaler': {'scale': 65536.0}, 'state_dict_ema': collections.OrderedDict((k, v + 1) for k, v in net.items()), 'metric': 91.5})
save('parallel.th', {'state_dict': prefixed('module.'), 'best_prec1': torch.tensor(91.5)})
save('compiled.pt', {'ema_model': {'module': prefixed('_orig_mod.')}, 'model': None})
inert = {'scalar': numpy.float64(91.5), 'array': numpy.arange(3), 'size': torch.Size([1, 2]), 'device': torch.device('cuda:0'),
    'dtype': torch.bfloat16, 'partial': functools.partial(max, 1), 'path': pathlib.PurePosixPath('a/b'),
    'now': datetime.datetime(2020, 1, 2, 3, 4), 'delta': datetime.timedelta(1), 'lists': collections.defaultdict(list, a=[1]),
    'counter': collections.Counter('aab'), 'set': {1, 'a'}, 'frozen': frozenset({2, b'b'}), 'bytes': b'\0\xff', 'array of bytes': bytearray(b'x'),
    'complex': 1 + 2j, 'slice': slice(1, 2), 'range': range(3), 'enum': Mode.EVAL, 'big': 1 << 70, 'deque': collections.deque([1], 3),
    'simple': types.SimpleNamespace(a=1), 'class': Net, 'function': torch.nn.functional.relu,
    'generator': numpy.random.RandomState(0).get_state()[0], 'storage': torch.zeros(1).storage(), 'module': Net(), 'text': '\u20ac'}
for p in 2, 3, 4, 5:
    save(f'inert{p}.pth', {'net': Dict(net), 'inert': inert}, pickle_protocol=p)
    save(f'legacy{p}.pth', {'net': Dict(net), 'inert': inert}, pickle_protocol=p, _use_new_zipfile_serialization=False)
big = torch.arange(20, dtype=torch.float32) / 4
kinds = {'fc.weight': big[:6].view(2, 3), 'fc.bias': torch.nn.Parameter(bias.double()), 'shared': big[3:], 'strided': weight.t()[::2],
    'sparse': torch.eye(2).to_sparse(), 'csr': torch.eye(2).to_sparse_csr(), 'quantized': torch.quantize_per_tensor(weight, .1, 3, torch.qint8),
    'complex': torch.view_as_complex(weight.reshape(3, 2).clone()), 'parts': torch.complex(bias, bias).conj().imag.clone(),
    'meta': torch.zeros(2, device='meta'), 'zero': torch.zeros(0), 'buffer': torch.nn.parameter.UninitializedParameter()}
marked = torch.nn.Parameter(weight.clone()); marked.note = 'mine'; kinds['marked'] = marked
save('kinds.pth', kinds)
save('module.pth', Net())
save('script.pt', 0); torch.jit.script(Net()).save('script.pt')
torch.serialization.location_tag = lambda storage: 'cuda:0'  # as on a machine with a GPU
save('cuda.pth', net)
