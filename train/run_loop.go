package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/internal/memory"
)

// perEpoch is the number of steps of an epoch. Batches that are left over do not make one.
func (r *run) perEpoch() int { return r.loader.Steps() / r.Config.Train.Batches() }

// total is the number of the run's steps.
func (r *run) total() int { return r.Config.Train.Last(r.perEpoch()) }

// epochs is the number of epochs that the config asks for; the last may be cut short.
func (r *run) epochs() int {
	t := &r.Config.Train
	if t.Steps > 0 {
		return (t.Steps-1)/r.perEpoch() + 1
	}
	return t.Epochs
}

// loop runs the steps that are left.
func (r *run) loop(ctx context.Context) error {
	t := &r.Config.Train
	perEpoch, total := r.perEpoch(), r.total()
	r.st.Total = total
	every := t.CheckpointEvery.Steps(perEpoch, t.Total(perEpoch))
	r.opt.Progress.Start(r.st.Step, total, perEpoch)
	if r.st.Seen > 0 && r.epochEnds() { // an earlier process was interrupted in the evaluation
		err := r.endEpoch(ctx)
		if err == nil {
			err = r.checkpoint()
		}
		if err != nil {
			return err
		}
	}
	if r.st.Step >= total {
		return nil
	}
	for r.st.Step < total {
		if r.st.Step == r.stageEnd() {
			if err := r.nextStage(ctx); err != nil {
				return err
			}
		}
		if r.st.Step == r.bitsFreeze() {
			if err := r.freezeBits(); err != nil {
				return err
			}
		}
		if err := r.steps(ctx, min(total, r.stageEnd(), r.bitsFreeze()), every); err != nil {
			return err
		}
	}
	r.timings = append(r.timings, r.waiting)
	return r.checkpoint()
}

// steps runs those up to the end of a stage, or of the run.
func (r *run) steps(ctx context.Context, end, every int) error {
	t, perEpoch := &r.Config.Train, r.perEpoch()
	memory.Settle()                                                                                                 // after calibration
	s, err := Await(ctx, func() (*stepper, error) { return r.newStepper(machine.Options{Profile: r.opt.Profile}) }) // it reads the teacher
	if err != nil {
		return err
	}
	if s.teacher != nil && s.teacher.init != "" {
		r.opt.Progress.Message("teacher: %s", s.teacher.init)
	}
	defer func() { r.timings = append(r.timings, s.vm.Timings()...) }()
	memory.Settle()
	s.step, s.total, s.history, s.freeze = r.st.Step, r.st.Total, r.st.History, t.BatchNormFreeze.Steps(perEpoch, t.Total(perEpoch))
	for r.st.Step < end {
		if err := r.epoch(ctx, s, end, every); err != nil {
			return err
		}
	}
	return nil
}

// schedule is what the learning rate goes by, and the step after which its schedule starts.
func (r *run) schedule() (*configs.Train, int) {
	t, perEpoch := &r.Config.Train, r.perEpoch()
	if len(r.ends) > 0 { // of which no extension changes the length
		return span(t, spans(&r.Config.Quant, r.ends), r.st.Step, t.Total(perEpoch))
	}
	return r.st.schedule(t, perEpoch)
}

// epoch runs the rest of the epoch in progress, up to a step.
func (r *run) epoch(ctx context.Context, s *stepper, end, every int) error {
	t, perEpoch := &r.Config.Train, r.perEpoch()
	schedule, start := r.schedule()
	epoch := r.st.Step / perEpoch
	it := r.loader.Epoch(epoch, r.st.Step%perEpoch*t.Batches())
	defer it.Close()
	var rate rate
	began := time.Now() // of the step, waiting for its batches included
	for r.st.Step < min(end, (epoch+1)*perEpoch) {
		r.optimizer.LR = LearningRate(schedule, r.st.Step-start, perEpoch)
		loss, correct := 0.0, 0
		for range t.Batches() {
			b, ok := r.next(it)
			if !ok {
				return it.Err()
			}
			part, n, err := s.forwardBackward(ctx, b)
			if err != nil && ctx.Err() != nil {
				return r.interrupt() // the step has not been
			}
			if err != nil {
				return r.diverged(r.st.Step+1, err)
			}
			it.Release(b)
			loss, correct = loss+part, correct+n
		}
		err := s.update(r.optimizer)
		if err == nil {
			err = r.updateAverage(r.st.Step)
		}
		if err != nil {
			return r.diverged(r.st.Step+1, err)
		}
		r.st.Step++
		r.st.LossSum += loss
		r.st.PenaltySum += s.penalty
		r.st.Correct += correct
		images := t.StepImages()
		r.st.Seen += images
		took := time.Since(began)
		r.st.Seconds += took.Seconds()
		info := StepInfo{
			Step: r.st.Step, Epoch: epoch + 1, Loss: loss, LR: r.optimizer.LR, Images: images,
			ImagesPerSecond: rate.add(images, took),
			Logged:          r.st.Step == 1 || r.st.Step%t.LogEvery == 0 || r.st.Step == r.st.Total,
		}
		info.MeanLoss, info.Accuracy = r.means()
		if r.Net.Penalized() {
			penalty := s.penalty
			info.Penalty = &penalty
		}
		if info.Logged && r.Config.Quant.Target.On() {
			costs := r.Net.Costs()
			info.Costs = &costs
		}
		if info.Logged {
			if err := r.metrics.step(info); err != nil {
				return err
			}
		}
		r.opt.Progress.Step(info)
		// Before the evaluation, which takes a while: what ends it costs no step.
		if r.st.Step%every == 0 {
			if err := r.checkpoint(); err != nil {
				return err
			}
		}
		if r.epochEnds() {
			if err := r.endEpoch(ctx); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return r.interrupt()
		}
		began = time.Now()
	}
	return nil
}

// next is the next batch, and how long training waits for it is counted.
func (r *run) next(it *datasets.Iterator) (*datasets.Batch, bool) {
	start := time.Now()
	b, ok := it.Next()
	r.waiting.Kind = "waiting for data"
	r.waiting.Total += time.Since(start)
	if ok {
		r.waiting.Runs++
	}
	return b, ok
}

// epochEnds tells that the last step ends an epoch.
func (r *run) epochEnds() bool { return r.st.Step%r.perEpoch() == 0 || r.st.Step == r.st.Total }

// means are of the training images of the epoch so far.
func (r *run) means() (loss, accuracy float64) {
	return r.st.LossSum * float64(r.Config.Train.StepImages()) / float64(r.st.Seen), float64(r.st.Correct) / float64(r.st.Seen)
}

// endEpoch evaluates the network on the validation split after the last step of an epoch. Until it is done the state is that
// before it, which a checkpoint keeps, and a resumed run evaluates again.
func (r *run) endEpoch(ctx context.Context) error {
	split := r.validation()
	m, err := r.evaluated()
	if err != nil {
		return err
	}
	a, err := m.Simulate(ctx, split)
	if err != nil && ctx.Err() != nil {
		return r.interrupt()
	}
	if err != nil {
		return r.diverged(r.st.Step, err)
	}
	epoch := (r.st.Step-1)/r.perEpoch() + 1
	e := EpochInfo{Epoch: epoch, Split: split.Name, Top1: a.Top1, Top5: a.Top5, Seconds: r.st.Seconds}
	e.TrainLoss, e.TrainTop1 = r.means()
	if r.Net.Penalized() {
		mean := r.st.PenaltySum * float64(r.Config.Train.StepImages()) / float64(r.st.Seen)
		e.Penalty = &mean
	}
	r.st.TrainLoss, r.st.LossSum, r.st.PenaltySum, r.st.Correct, r.st.Seen = e.TrainLoss, 0, 0, 0, 0
	if !r.Net.LearnsBits() && (a.Top1 > r.st.BestTop1 || r.st.BestEpoch == 0) {
		r.st.BestTop1, r.st.BestEpoch = a.Top1, epoch
		if err := m.save(r.path(BestFile), false, r.st, r.origin); err != nil {
			return err
		}
	}
	r.opt.Progress.Epoch(e)
	r.tellBroken()
	return r.metrics.epoch(r.st.Step, e)
}

// tellBroken names images that could not be read since it was called last.
func (r *run) tellBroken() {
	all := r.Data.Broken.List()
	for _, err := range all[r.broken:] {
		r.opt.Progress.Message("skipped: %v", err)
	}
	r.broken = len(all)
}

// interrupt ends the run after its last finished step.
func (r *run) interrupt() error {
	if err := r.checkpoint(); err != nil {
		return err
	}
	return ErrInterrupted
}

func (r *run) checkpoint() error {
	r.st.FloorHits = r.optimizer.FloorHits
	if err := r.metrics.flush(); err != nil {
		return err
	}
	if err := r.save(r.path(CheckpointFile), true, r.st, r.origin); err != nil {
		return fmt.Errorf("cannot save the checkpoint: %w", err)
	}
	return nil
}

// diverged says in which step a network failed, and for numbers that are not finite what to do.
func (r *run) diverged(step int, err error) error {
	err = fmt.Errorf("step %d: %w", step, err)
	if e := (*graph.NotFiniteError)(nil); errors.As(err, &e) {
		return fmt.Errorf("%w; lower train.lr, or look at the data", err)
	}
	return err
}

// rate is a running mean of the speed over the last steps.
type rate struct {
	images  []int
	seconds []float64
}

func (r *rate) add(n int, d time.Duration) float64 {
	r.images, r.seconds = append(r.images, n), append(r.seconds, d.Seconds())
	if len(r.images) > 20 {
		r.images, r.seconds = r.images[1:], r.seconds[1:]
	}
	images, seconds := 0, 0.0
	for i := range r.images {
		images += r.images[i]
		seconds += r.seconds[i]
	}
	return float64(images) / max(seconds, 1e-9)
}
