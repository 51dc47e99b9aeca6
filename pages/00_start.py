import numpy as np, streamlit as st
import time
from dataclasses import dataclass
from ntkviz.figures import theme
from ntkviz.figures.chart import Chart, Scrub, View, Number
from ntkviz.ui.lesson import Lesson
from ntkviz.ui import controls
from ntkviz.experiments.protocol import Cost
from ntkviz.specs import Spec, number
from ntkviz.data import DataSpec, CircleFunction
lesson = Lesson("demo","Demo","What happens?")
@dataclass(frozen=True,kw_only=True)
class S(Spec):
    freq:int=number(3,1,8,label="Frequency")
    slow:int=number(0,0,1,label="s")
    data: DataSpec = CircleFunction()
(a,b),more=lesson.open(2)
with a: f = controls.field(S, "freq")
with b: d = controls.data(("circle","digits","moons","table"), default="circle", more=more)
with more: slow = st.toggle("slow", key="slow", bind="query-params")
class E:
    __name__="demo"
    def cost(self,s): return Cost(5.0 if s.slow else .1,1e6)
    def run(self,s,report):
        for i in range(50 if s.slow else 1):
            time.sleep(.1); report(i/50)
        return s
@st.cache_resource
def exp(): return E()
def view(s):
    x=np.linspace(0,6.3,200); t=np.arange(20)
    fig=theme.figure("x","f(x)")
    fig.add_trace(theme.line(theme.THEORY,x,np.sin(s.freq*x)))
    fig.add_trace(theme.line(theme.FINITE,x,0*x))
    fig.update_yaxes(range=[-1.2,1.2])
    ys=np.array([np.sin(s.freq*x)*(1-np.exp(-k/5)) for k in t])
    fig2=theme.figure("k","loss"); fig2.add_trace(theme.points(theme.DATA,t,np.exp(-t/5)))
    return View((Chart("curve",fig,"A sine","Look at λ<sub>i</sub>: does it grow?",{1:{"y":ys}}),Chart("loss",fig2,"loss","Click me",cursor=t.astype(float))),Scrub("step",t),3,(Number("gap","0.03 ± 0.01","theory: 0"),))
lesson.presets({"p":("why",{"slow":False}),"r":("why",{"freq":7,"data":"digits"})})
lesson.run(exp(), S(freq=f,slow=int(slow),data=d), view)
