package layers

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/machine"
)

// (1-weight)*CE + weight*T^2*KL(teacher, student) as written, and its differences.
func TestDistillation(t *testing.T) {
	d := configs.Distillation{Teacher: "embedded:resnet20_cifar10", Temperature: 3, Weight: 0.7}
	student, teacher := random(1, 4, 5), random(2, 4, 5)
	labels := []int32{0, 4, 2, 2}
	softmax := func(x []float64) []float64 {
		p, sum := make([]float64, len(x)), 0.0
		for i, v := range x {
			p[i] = math.Exp(v)
			sum += p[i]
		}
		for i := range p {
			p[i] /= sum
		}
		return p
	}
	loss := func() float64 {
		total := 0.0
		for row, label := range labels {
			var s, sT, tT []float64
			for j := range 5 {
				v, u := float64(student.Float32s()[row*5+j]), float64(teacher.Float32s()[row*5+j])
				s, sT, tT = append(s, v), append(sT, v/d.Temperature), append(tT, u/d.Temperature)
			}
			kl, p, q := 0.0, softmax(tT), softmax(sT)
			for j := range p {
				kl += p[j] * math.Log(p[j]/q[j])
			}
			total += (1-d.Weight)*-math.Log(softmax(s)[label]) + d.Weight*d.Temperature*d.Temperature*kl
		}
		return total / 4
	}
	c := testContext(t, true)
	x := c.b.Param("x", student)
	node := Distillation(c, d, x, c.b.Input("teacher", teacher), Targets{Labels: c.b.Input("y", tensor.New(tensor.WithShape(4), tensor.WithBacking(labels)))})
	grads, err := c.b.Grad(node, x)
	if err != nil {
		t.Fatal(err)
	}
	m, err := machine.New(c.pool, machine.Options{Poison: true}, append(grads, node)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	if got, want := float64(*node.Value().(*G.F32)), loss(); math.Abs(got-want) > 1e-6*want {
		t.Errorf("loss %v, want %v", got, want)
	}
	for i, got := range grads[0].Value().(*tensor.Dense).Float32s() {
		const h = 1.0 / 1024
		old := student.Float32s()[i]
		student.Float32s()[i] = old + h
		up := loss()
		student.Float32s()[i] = old - h
		want := (up - loss()) / (2 * h)
		student.Float32s()[i] = old
		if math.Abs(float64(got)-want) > 1e-4 {
			t.Errorf("gradient[%d] is %v, the difference quotient %v", i, got, want)
		}
	}
}
