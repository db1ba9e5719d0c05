"""Samples and training of the counting network. Given: the sizes, the optimiser and the steps are fixed."""

import torch
from labkit.submit_models import inspect_model
from safetensors.torch import load_file, save_file
from torch.nn import functional

SEQ_LEN = 5
VOCAB_SIZE = 6
N_CLASSES = 2 * SEQ_LEN + 1


def train_steps(net, samples, most_steps, batch_size=64):
    """Train with SGD, learning rate 0.005 and momentum 0.9; give (step, loss) after each step."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.005, momentum=0.9)
    for step in range(1, most_steps + 1):
        sequences, labels = samples(batch_size)
        loss = functional.cross_entropy(net(sequences), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield step, loss.item()


@torch.no_grad()
def measure_accuracy(net, sequences, labels):
    """Return the share of sequences whose highest logit is that of the label."""
    return (net(sequences).argmax(dim=1) == labels).float().mean().item()


def train_until(net, samples, most_steps=4500, target=0.995, every=100):
    """Train until the accuracy on 2,000 fresh samples reaches the target, or for so many steps.

    Returns:
        How many steps were done.

    """
    step = 0
    for step, _ in train_steps(net, samples, most_steps):
        if step % every == 0 and measure_accuracy(net, *samples(2000)) >= target:
            break
    return step


def save_net(net, path):
    """Write the weights as safetensors."""
    save_file({name: value.detach().contiguous() for name, value in net.state_dict().items()}, path)


def load_net(net, path):
    """Put the weights of a file into a network.

    Raises:
        ValueError: the file is missing, damaged, or of another network.

    """
    problem = inspect_model(path)
    if problem.problem:
        raise ValueError(f"{path} {problem.problem}; {problem.hint}")
    try:
        net.load_state_dict(load_file(path))
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit Net; train it again. {error}") from None
    return net.eval()
